// EndCounts: see the header.
#include "server/end_counts.h"

#include "onehop/v1/onehop.pb.h"

namespace onehop::server {

void EndCounts::count(core::Event::Kind kind, uint32_t code) {
  static_assert(kCodes == v1::Code_ARRAYSIZE);
  const size_t place = code < kCodes ? code : 0;
  switch (kind) {
    case core::Event::Kind::kConnectRefused:
      ++counts_[kConnect][place];
      break;
    case core::Event::Kind::kConnectionEnded:
      ++counts_[kConnection][place];
      break;
    case core::Event::Kind::kSessionEnded:
    case core::Event::Kind::kTakenOver:
      ++counts_[kSession][place];
      break;
    default:
      break;
  }
}

void EndCounts::add(const EndCounts& more) {
  for (size_t kind = 0; kind < kKinds; ++kind) {
    for (size_t code = 0; code < kCodes; ++code) counts_[kind][code] += more.counts_[kind][code];
  }
}

std::vector<EndCount> EndCounts::told() const {
  static constexpr EndKind kTold[kKinds] = {EndKind::kConnect, EndKind::kConnection, EndKind::kSession};
  std::vector<EndCount> all;
  for (size_t kind = 0; kind < kKinds; ++kind) {
    for (size_t code = 0; code < kCodes; ++code) {
      all.push_back({kTold[kind], static_cast<Code>(code), counts_[kind][code]});
    }
  }
  return all;
}

}  // namespace onehop::server
