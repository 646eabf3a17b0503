// The three things the program does. Each returns what the program ends with.
#pragma once

#include "loadgen/run/options.h"

namespace onehop::loadgen {

int run_command(const Options& options);
int merge_command(const Options& options);
int compare_command(const Options& options);

}  // namespace onehop::loadgen
