// See the header.
#include "loadgen/run/live.h"

#include <array>
#include <string_view>

namespace onehop::loadgen {
namespace {

constexpr std::array<uint64_t LiveCounts::*, 10> kAll = {
    &LiveCounts::rejected,        &LiveCounts::expired,           &LiveCounts::lost,      &LiveCounts::unknown,
    &LiveCounts::not_sent,        &LiveCounts::duplicates,        &LiveCounts::corrupted, &LiveCounts::misdirected,
    &LiveCounts::connects_failed, &LiveCounts::connections_broken};

}  // namespace

void LiveCounts::add_reasons(const std::map<std::string, uint64_t>& reasons) {
  for (const auto& [reason, count] : reasons) {
    const std::string_view outcome = std::string_view(reason).substr(0, reason.find(' '));
    if (outcome == "REJECTED") rejected += count;
    if (outcome == "EXPIRED") expired += count;
    if (outcome == "LOST") lost += count;
    if (outcome == "UNKNOWN") unknown += count;
    if (outcome == "NOT_SENT") not_sent += count;
  }
}

void LiveCounts::add(const LiveCounts& other) {
  for (uint64_t LiveCounts::*count : kAll) this->*count += other.*count;
}

}  // namespace onehop::loadgen
