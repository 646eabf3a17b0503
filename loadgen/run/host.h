// Where a run was made, and what the machine allows: what a result states, and what is checked before a run.
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

// What the system does not tell is empty or 0.
Host this_host();

// What the machine cannot do of what `settings` ask for, one line each with what to change; raises the limit of open
// files to what may be had first. `is_loopback`: the target is on this machine.
std::vector<std::string> preflight(const Settings& settings, bool is_loopback);

// The CPU time that a process of this machine has used so far, of all its threads; nothing: there is no such process.
std::optional<double> cpu_of_process_s(int32_t pid);
// Memory that is its own and was written to; 0: it cannot be read (Linux only).
uint64_t private_dirty_bytes(int32_t pid);

// How many local ports connections may be made from, for each source address; 0 where the system does not tell.
uint64_t local_ports();

}  // namespace onehop::loadgen
