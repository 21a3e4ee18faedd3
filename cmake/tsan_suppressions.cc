// Linked into every test of the tsan preset. Debian's Abseil is not instrumented, so the thread
// sanitizer does not see the reference count of a Status that two threads share, and takes the
// release of its memory for a race. Only frames of that release are named here. And ZooKeeper's C
// client writes an address into a buffer that all sessions share, for its log only.
extern "C" const char* __tsan_default_suppressions();
extern "C" const char* __tsan_default_suppressions() {
  return "race:^Unref$\n"
         "race:^absl::debian3::Status::UnrefNonInlined\n"
         "race:libzookeeper_mt.so\n"
         "race:^absl::debian3::inlined_vector_internal::Storage<absl::debian3::status_internal::"
         "Payload\n";
}
