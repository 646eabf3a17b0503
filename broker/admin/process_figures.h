// What the operating system says of this process. What a system does not say is left out.
#pragma once

#include <cstdint>
#include <optional>

namespace onehop::admin {

struct ProcessFigures {
  std::optional<double> cpu_seconds;
  std::optional<double> start_unix_seconds;
  std::optional<uint64_t> resident_bytes;
  std::optional<uint64_t> open_descriptors;
  std::optional<uint64_t> descriptors_max;
};

// One thread at a time.
class ProcessReader {
 public:
  ProcessReader();
  ProcessFigures read();

 private:
  std::optional<double> start_unix_seconds_;
  // Counting tens of thousands of descriptors takes milliseconds: not at every reading.
  std::optional<uint64_t> counted_;
  uint64_t readings_until_count_ = 0;
};

}  // namespace onehop::admin
