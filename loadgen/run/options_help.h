// The text of --help beside the options.
#pragma once

namespace onehop::loadgen {

inline constexpr const char* kDescription =
    "onehop-loadgen: how much can a deployment carry? It sends messages on a schedule, checks every one of them, and\n"
    "times them from the moment at which they should have been sent.\n"
    "\n"
    "  onehop-loadgen [run] [OPTION...]                 one run, or with --find-capacity as many as it takes\n"
    "  onehop-loadgen merge A.json... [OPTION...]       adds up runs that were made together\n"
    "  onehop-loadgen compare A.json... -- B.json...    says whether two sets of runs differ\n"
    "  onehop-loadgen man                               prints the manual page, as man(1) reads it\n";
inline constexpr const char* kFooter = R"(
Workloads:
  pairs    client 0 sends to 1, 2 to 3, ...      echo   the same, and each message is answered; timed there and back
  random   each sends to others at random        churn  clients connect, send one message to one of --clients, leave
  fan-in   all send to --recipients              storm  all --clients connect, --rate a second, or without it at once
  fan-out  client 0 sends to the others in turn  idle   all --clients connect, and do nothing but keep alive
  connects clients connect, are granted their name, and leave, --window at a time or --rate a second
Durations: 300ms, 8s, 2m. Sizes: 128, 4KiB, uniform:64-4096, 128:90,4KiB:9,64KiB:1 (weights), lognormal:300/1.5
Conditions: p99<5ms, max<=1s, confirm.p99.9<20ms, rate>=9500, lost==0, rejected<0.1%; of stage 2: 2:p99<5ms

Exit codes:
  0    everything planned was sent and delivered, or --allow permits what was not; every --threshold was met
  1    something was not; a --threshold was not met; something impossible happened, such as a message delivered twice;
       no rate met the --slo; merge or compare refused, or --fail-if-slower failed
  2    the command line is wrong
  3    cannot connect, or this machine does not allow that many connections
  4    void: the generator was the limit, so the figures, or one that a --threshold is about, say nothing about the
       system
  130  interrupted: the figures cover only a part of the run

Examples:
  onehop-loadgen --clients 100 --rate 5000 --duration 30s --threshold 'p99<5ms' 'lost==0'
  onehop-loadgen --find-capacity --slo 'p99<10ms' --json result.json
  onehop-loadgen compare old.json -- new.json --fail-if-slower 5%

docs/loadgen.md has every option. docs/capacity.md shows how to size a deployment, and says what each figure means.
)";

}  // namespace onehop::loadgen
