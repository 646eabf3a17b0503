// The machine of a run: what a result states about it, and what is checked before a run.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "loadgen/measure/result.h"
#include "loadgen/run/settings.h"

namespace onehop::loadgen {

// The files that a process has open beside its clients: loops, timers, standard streams, the files of the result.
inline constexpr uint64_t kDescriptorsElse = 64;

// Fields that the system does not tell are empty or 0.
Host this_host();

// Raises the limit of open files as far as allowed, and returns one line for each thing that `settings` ask for and the
// machine cannot do, with advice. `is_loopback` says that the target is on this machine.
std::vector<std::string> preflight(const Settings& settings, bool is_loopback);

// The CPU time that a process of this machine has used so far, of all its threads. Nothing if there is no such process.
std::optional<double> cpu_of_process_s(int32_t pid);
// The private memory that the process has written to; 0 if it cannot be read. Linux only.
uint64_t private_dirty_bytes(int32_t pid);

// The number of local ports for each source address; 0 where the system does not tell.
uint64_t local_ports();

}  // namespace onehop::loadgen
