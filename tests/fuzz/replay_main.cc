// Runs a fuzz target without a fuzzer: over the files named; or over those of a folder, if one is
// named, and STELE_FUZZ_INPUTS (default 2,000) seeded random inputs. So that every target is built
// and exercised by the ordinary test run, under every sanitizer preset.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "common/testing/seeded_random.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace {

void RunOne(const std::string& input) {
  LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(input.data()), input.size());
}

void RunFile(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  RunOne(std::string(std::istreambuf_iterator<char>(file), {}));
}

// Short and long, all random or mostly small numbers, so that lengths and kinds are often
// plausible.
std::string RandomInput(stele::SeededRandom& random) {
  std::string input = random.Bytes(random.Below(random.OneIn(10) ? 4096 : 200));
  if (random.OneIn(2)) {
    for (char& c : input) c = random.OneIn(4) ? c : static_cast<char>(c & 7);
  }
  return input;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 2 && std::filesystem::is_directory(argv[1])) {
    int files = 0;
    for (const auto& entry : std::filesystem::directory_iterator(argv[1])) {
      RunFile(entry.path());
      ++files;
    }
    std::printf("%d files of %s\n", files, argv[1]);
    if (files == 0) return 1;
  } else if (argc > 1) {
    for (int i = 1; i < argc; ++i) RunFile(argv[i]);
    return 0;
  }
  const char* text = std::getenv("STELE_FUZZ_INPUTS");
  const int inputs = text == nullptr ? 2'000 : std::atoi(text);
  const uint64_t seed = stele::TestSeed();
  std::printf("%d inputs, repeat with STELE_SEED=%llu\n", inputs,
              static_cast<unsigned long long>(seed));
  stele::SeededRandom random(seed);
  for (int i = 0; i < inputs; ++i) RunOne(RandomInput(random));
  return 0;
}
