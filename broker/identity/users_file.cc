// UsersFile: see the header.
#include "identity/users_file.h"

#include <utility>

#include "identity/principal.h"

namespace onehop::identity {
namespace {

// A line without its end, also where it was written on Windows.
std::string_view take_line(std::string_view& text) {
  const size_t end = text.find('\n');
  std::string_view line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

}  // namespace

std::shared_ptr<const UsersFile> UsersFile::parse(std::string_view text, const std::string& name,
                                                  std::vector<std::string>& problems) {
  const auto out = std::make_shared<UsersFile>();
  const size_t before = problems.size();
  for (unsigned number = 1; !text.empty(); ++number) {
    const std::string_view line = take_line(text);
    // What is in the line may be a secret that somebody forgot to hash, so it is not told.
    const auto say = [&](std::string_view what) {
      std::string problem(name);
      problem.append(":").append(std::to_string(number)).append(": ").append(what);
      problems.push_back(std::move(problem));
    };
    if (line.empty() || line.front() == '#') continue;
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos) {
      say("must be user:hash");
      continue;
    }
    const std::string_view user = line.substr(0, colon);
    if (!is_valid_principal(user)) {
      say("a user has 1 to 255 visible ASCII characters other than the colon and the asterisk");
      continue;
    }
    std::string wrong;
    std::optional<SecretHash> hash = SecretHash::parse(line.substr(colon + 1), wrong);
    if (!hash) {
      say(wrong);
    } else if (!out->users_.emplace(user, *std::move(hash)).second) {
      say("this user is in the file twice");
    }
  }
  if (problems.size() != before) return nullptr;
  for (const auto& [user, hash] : out->users_) {
    if (hash.slow_bytes() > (out->slowest_ == nullptr ? 0 : out->slowest_->slow_bytes())) out->slowest_ = &hash;
  }
  return out;
}

UsersFile::Verdict UsersFile::check_quickly(std::string_view user, std::string_view secret) const {
  // A length tells nothing of who there is.
  if (secret.empty() || secret.size() > kSecretBytesMax || !is_valid_principal(user)) return Verdict::kWrong;
  if (slowest_ != nullptr && verified_.knows(user, secret)) return Verdict::kRight;
  const auto found = users_.find(user);
  if (found != users_.end() && !found->second.is_slow() && found->second.matches(secret)) return Verdict::kRight;
  return slowest_ == nullptr ? Verdict::kWrong : Verdict::kUnknown;
}

std::optional<uint32_t> UsersFile::fingerprint(std::string_view user) const {
  const auto found = users_.find(user);
  return found == users_.end() ? std::nullopt : std::optional(found->second.fingerprint());
}

bool UsersFile::check_slowly(std::string_view user, std::string_view secret) const {
  const auto found = users_.find(user);
  if (found != users_.end() && found->second.is_slow()) {
    if (!found->second.matches(secret)) return false;
    verified_.learn(user, secret);
    return true;
  }
  // For the time that it takes only.
  if (slowest_ != nullptr) static_cast<void>(slowest_->matches(secret));
  return false;
}

}  // namespace onehop::identity
