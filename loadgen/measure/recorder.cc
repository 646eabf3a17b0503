// See the header. This is the end of a second.
#include "loadgen/measure/recorder.h"

#include <utility>

namespace onehop::loadgen {

Second Recorder::take_second(uint64_t wanted, uint64_t delivered, uint64_t told_otherwise) {
  Second second = std::exchange(second_, Second());
  latency.add(second.latency);
  second.latency.add(std::exchange(untimed_, Histogram()));
  second.sent = wanted - std::exchange(had_wanted_, wanted);
  second.delivered = delivered - std::exchange(had_delivered_, delivered);
  second.told_otherwise = told_otherwise - std::exchange(had_told_otherwise_, told_otherwise);
  return second;
}

}  // namespace onehop::loadgen
