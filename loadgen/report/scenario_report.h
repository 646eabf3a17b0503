// Words about stages, commands and an early end that text, Markdown and HTML share. Text from elsewhere (commands) is
// unchanged in them.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "loadgen/measure/result.h"

namespace onehop::loadgen {

// "passed", "failed: …".
std::string describe_verdict(const RunResult& result);

// "30 s, 0.0/s to 1,000/s".
std::string describe_stage(const StageResult& stage);
// "1.5 s", or "–" if there is no time.
std::string print_seconds(const std::optional<double>& seconds);
// "ended with 0 after 1.20 s", "was ended with the run".
std::string describe_end(const CommandResult& command);
// "lost 12, doubled 0, recovered after 1.20 s".
std::string describe_aftermath(const CommandResult& command);

// The cells of each stage for a table: number, stage, sent, delivered, rate, p50, p95, p99, max.
std::vector<std::vector<std::string>> stage_table(const RunResult& result);

// The lines of the summary, or empty if there is nothing to say. Each line begins with its subject.
std::string scenario_summary(const RunResult& result);
// The sections of the page, or empty if there is nothing to say.
std::string scenario_page(const RunResult& result);

}  // namespace onehop::loadgen
