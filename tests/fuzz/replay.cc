// Runs a fuzz target over files without a fuzzer, so that every compiler's test run repeats what the fuzzers once
// found. Usage: <program> FOLDER… ; a folder without files is an error, for then nothing would be tested.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace {

std::vector<std::filesystem::path> files_of(const char* folder) {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.is_regular_file()) files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

void replay(const std::filesystem::path& file) {
  // Said first, so that the last line names the file if the target ends the program.
  std::printf("%s\n", file.c_str());
  std::fflush(stdout);
  std::ifstream in(file, std::ios::binary);
  const std::vector<char> bytes{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
}

}  // namespace

int main(int argument_count, char** arguments) {
  if (argument_count < 2) {
    std::fprintf(stderr, "usage: %s FOLDER...\n", arguments[0]);
    return 2;
  }
  for (int at = 1; at < argument_count; ++at) {
    const std::vector<std::filesystem::path> files = files_of(arguments[at]);
    if (files.empty()) {
      std::fprintf(stderr, "no files in %s\n", arguments[at]);
      return 1;
    }
    for (const std::filesystem::path& file : files) replay(file);
  }
  return 0;
}
