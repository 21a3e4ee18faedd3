// The settings of the program's allocator, which reads them before main.
//
// Threads share two arenas: with one for each, as the C library has it, a block that the cache lets
// go returns to the thread that once read it, and every thread ends with a cacheful of its own.
// What is free goes back to the system within about a second.
extern "C" {
extern const char* const malloc_conf;
__attribute__((used)) const char* const malloc_conf =
    "narenas:2,dirty_decay_ms:1000,muzzy_decay_ms:0,background_thread:true";
}
