// See the header.
#include "cli/admin/table.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <ctime>

#include "cli/format.h"

namespace onehop::cli {
namespace {

constexpr size_t kGap = 2;

std::string with_one_digit(double value, const char* unit) {
  char text[64];
  std::snprintf(text, sizeof text, value < 9.95 ? "%.1f%s" : "%.0f%s", value, unit);
  return text;
}

const char* state_of(const ClientInfo& client) {
  if (!client.connected) return "away";
  return client.blocked ? "blocked" : "up";
}

}  // namespace

Table::Table(std::initializer_list<std::string_view> titles) {
  std::vector<std::string> first;
  for (std::string_view title : titles) {
    to_the_right_.push_back(title.starts_with('>'));
    if (to_the_right_.back()) title.remove_prefix(1);
    first.emplace_back(title);
  }
  rows_.push_back(std::move(first));
}

std::vector<std::string> Table::lines() const {
  std::vector<size_t> widths(to_the_right_.size());
  for (const auto& row : rows_) {
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::vector<std::string> out;
  for (const auto& row : rows_) {
    std::string& line = out.emplace_back();
    for (size_t i = 0; i < row.size(); ++i) {
      const size_t padding = widths[i] - row[i].size();
      if (i != 0) line.append(kGap, ' ');
      if (to_the_right_[i]) line.append(padding, ' ');
      line += row[i];
      if (!to_the_right_[i]) line.append(padding, ' ');
    }
    line.erase(line.find_last_not_of(' ') + 1);
  }
  return out;
}

Table table_of(const std::vector<Told<ClientInfo>>& clients, std::string_view order) {
  const auto title = [order](std::string_view of, const std::string& text) { return order == of ? text + '*' : text; };
  Table table({title("name", "NAME"), "STATE", title("idle", ">IDLE"), title("queue_bytes", ">QUEUE"), ">WAITING",
               ">UNACKED", ">OPEN", title("send_rate", ">SENT/s"), title("receive_rate", ">RECEIVED/s"), ">PAUSED",
               ">SHARD", "PEER"});
  for (const auto& [client, json] : clients) {
    table.add({printable(client.name), state_of(client), short_time(client.idle_ms), short_bytes(client.queue_bytes),
               short_count(static_cast<double>(client.waiting_messages)),
               std::to_string(client.unacknowledged) + "/" + std::to_string(client.receive_window),
               short_count(static_cast<double>(client.open_sent)), short_count(client.sent_per_second),
               short_count(client.received_per_second), std::to_string(client.paused_senders),
               std::to_string(client.shard), client.peer.empty() ? "-" : printable(client.peer)});
  }
  return table;
}

std::string short_bytes(uint64_t bytes) {
  constexpr const char* kUnits[] = {"KiB", "MiB", "GiB", "TiB"};
  if (bytes < 1024) return std::to_string(bytes) + "B";
  auto value = static_cast<double>(bytes) / 1024;
  size_t unit = 0;
  for (; value >= 1023.5 && unit + 1 < std::size(kUnits); ++unit) value /= 1024;
  return with_one_digit(value, kUnits[unit]);
}

std::string short_count(double count) {
  if (count <= 0) return "0";
  if (count < 9.95 && std::floor(count) != count) return with_one_digit(count, "");
  char digits[64];
  std::snprintf(digits, sizeof digits, "%.0f", std::min(count, 1e18));
  std::string out;
  const std::string_view text = digits;
  for (size_t i = 0; i < text.size(); ++i) {
    if (i != 0 && (text.size() - i) % 3 == 0) out += ',';
    out += text[i];
  }
  return out;
}

std::string short_time(uint64_t ms) {
  if (ms < 1'000) return std::to_string(ms) + "ms";
  if (ms < 60'000) return with_one_digit(static_cast<double>(ms) / 1'000, "s");
  if (ms < 3'600'000) return std::to_string(ms / 60'000) + "m";
  if (ms < 48 * 3'600'000ULL) return std::to_string(ms / 3'600'000) + "h";
  return std::to_string(ms / 86'400'000) + "d";
}

std::string time_of_day(uint64_t unix_ms) {
  const auto seconds = static_cast<time_t>(unix_ms / 1'000);
  std::tm parts{};
  char text[32];
  if (gmtime_r(&seconds, &parts) == nullptr || std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts) == 0) {
    return "-";
  }
  return text;
}

}  // namespace onehop::cli
