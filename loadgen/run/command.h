// The three commands of the program. Each returns the exit code.
#pragma once

#include "loadgen/run/options.h"

namespace onehop::loadgen {

int run_command(const Options& options);
int merge_command(const Options& options);
int compare_command(const Options& options);

}  // namespace onehop::loadgen
