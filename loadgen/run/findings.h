// What one thread of the generator has found. Its thread writes it; others may read it once that thread has ended.
#pragma once

#include <cstdint>
#include <string>

#include "loadgen/measure/ledger.h"
#include "loadgen/measure/recorder.h"

namespace onehop::loadgen {

struct Findings {
  Ledger ledger;
  Recorder recorder;
  uint64_t delivered_in_time = 0;  // Messages, or opened connections, before the drain.
  uint64_t missed_arrivals = 0;    // Messages that were due within the run and not issued by its end.
  double cpu_s = 0;                // User and system time of the thread during the run.
  double waited_s = 0;             // How long it was ready and had no processor; 0 where the system does not tell.
  double ran_for_s = 0;            // From the start to the end of the arrivals.
  std::string server;              // The system's own name and version.
};

}  // namespace onehop::loadgen
