// What was compared and what came out, as a table for people and as JSON for programs.
#pragma once

#include <string>
#include <vector>

#include "figures_generator.h"

namespace onehop::bench {

// One line of a comparison. The figures are in the order of the repetitions; either `work` or `idle_bytes` has them.
struct CaseResult {
  std::string label;
  std::vector<Figures> work;
  std::vector<double> idle_bytes;
};

struct ComparisonResult {
  std::string name;
  std::string title;
  // What the last case is to reach: times the first one's CPU, or bytes; 0: nothing.
  double target = 0;
  // The first is what the others are compared with.
  std::vector<CaseResult> cases;
};

// The machine, the compiler and the command that the figures are from.
struct Origins {
  std::string machine;
  std::string compiler;
  std::string command;
};

std::string markdown(const Origins& origins, const std::vector<ComparisonResult>& results);
std::string json(const Origins& origins, const std::vector<ComparisonResult>& results);

}  // namespace onehop::bench
