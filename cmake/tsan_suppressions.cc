// Linked into every test of the tsan preset. Debian's Abseil is not instrumented, so the thread
// sanitizer does not see the reference count of a Status that two threads share, and takes the
// release of its memory for a race. Only frames of that release are named here.
extern "C" const char* __tsan_default_suppressions();
extern "C" const char* __tsan_default_suppressions() {
  return "race:^Unref$\n"
         "race:^absl::debian3::Status::UnrefNonInlined\n"
         "race:^absl::debian3::inlined_vector_internal::Storage<absl::debian3::status_internal::"
         "Payload\n";
}
