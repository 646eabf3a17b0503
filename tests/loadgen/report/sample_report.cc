// Writes a report of an invented run, to look at it and to test it without the generator:
// onehop-sample-report plain|capacity|void|hostile|empty html|json|text
#include <cstdio>
#include <string>

#include "loadgen/report/report.h"
#include "sample_run.h"

namespace {

using onehop::loadgen::RunResult;

RunResult chosen(const std::string& kind) {
  RunResult run = onehop::loadgen::sample_run(1);
  if (kind == "capacity") run.capacity = onehop::loadgen::sample_capacity(1);
  if (kind == "void") {
    run.void_reasons = {"a thread was busy for 99 % of the run", "the schedule lag was 12 ms at p99, above 1 ms"};
    run.account.unexplained = 2;
    run.account.duplicates = 1;
    run.thresholds[1].kept = false;
    run.thresholds[1].value = 2;
    run.open_loop = false;
  }
  if (kind == "hostile") {
    const std::string bad = "</script><script>window.broken = 1</script><img src=x onerror='window.broken = 1'>\"'&";
    run.server = run.target = run.version = run.host.name = run.host.kernel = run.host.cpu = bad;
    run.connections.last_problem = bad;
    run.reasons[bad] = 1;
    run.settings[bad] = bad;
    run.settings["workload"] = bad;
    run.void_reasons = {bad};
    run.thresholds.push_back({bad, 1, false});
    run.capacity = onehop::loadgen::sample_capacity(1);
    run.capacity->slo = bad;
    for (auto& step : run.capacity->steps) step.why_not = bad;
  }
  if (kind == "empty") run = RunResult();
  return run;
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 3) {
    std::fputs("usage: onehop-sample-report plain|capacity|void|hostile|empty html|json|text\n", stderr);
    return 2;
  }
  const RunResult run = chosen(arguments[1]);
  const std::string form = arguments[2];
  const std::string text = form == "html"   ? onehop::loadgen::to_html(run)
                           : form == "json" ? onehop::loadgen::to_json(run)
                                            : onehop::loadgen::to_summary(run);
  return std::fwrite(text.data(), 1, text.size(), stdout) == text.size() ? 0 : 1;
}
