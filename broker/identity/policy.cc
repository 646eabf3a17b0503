// Policy: see the header.
#include "identity/policy.h"

#include <sys/stat.h>

#include <algorithm>
#include <utility>

#include "reactor/file_text.h"

namespace onehop::identity {
namespace {

// Far beyond any that is written by hand.
constexpr size_t kFileBytesMax = 16 << 20;

class Loading {
 public:
  Loading(const IdentityOptions& options, std::vector<std::string>& problems)
      : options_(options), problems_(problems), before_(problems.size()) {}

  std::shared_ptr<const Policy> run() {
    policy_->methods = options_.methods;
    policy_->certificate_principal = options_.certificate_principal;
    policy_->anonymous_role = options_.anonymous_role;
    policy_->hook = options_.hook;
    check_methods();
    take_file("users_file", options_.users_file, AuthMethod::kUsers, policy_->users);
    take_file("token_keys_file", options_.token_keys_file, AuthMethod::kToken, policy_->keys);
    policy_->token_rules.issuer = options_.token_issuer;
    policy_->token_rules.audience = options_.token_audience;
    if (policy_->keys != nullptr) policy_->tokens.emplace(policy_->keys, policy_->token_rules);
    take_permissions();
    return problems_.size() == before_ ? policy_ : nullptr;
  }

 private:
  bool has(AuthMethod method) const {
    return std::find(options_.methods.begin(), options_.methods.end(), method) != options_.methods.end();
  }

  void say(const std::string& option, const std::string& what) { problems_.push_back(option + ": " + what); }

  void check_methods() {
    std::vector<AuthMethod> sorted = options_.methods;
    std::sort(sorted.begin(), sorted.end());
    const auto twice = std::adjacent_find(sorted.begin(), sorted.end());
    if (twice != sorted.end()) say("authentication", "names " + std::string(to_string(*twice)) + " twice");
    if (has(AuthMethod::kHook) && !options_.hook) say("authentication", "names a hook, and there is none");
    if (!options_.anonymous_role.empty() && !has(AuthMethod::kAnonymous)) {
      say("anonymous_role", "needs the method anonymous in authentication");
    }
  }

  template <typename Parsed>
  void take_file(const char* option, const std::string& path, AuthMethod method, std::shared_ptr<const Parsed>& out) {
    if (!has(method)) {
      // Whoever gives the file believes that it counts.
      const std::string name(to_string(method));
      if (!path.empty()) say(option, "needs the method " + name + " in authentication");
      return;
    }
    if (path.empty()) return say(option, "is needed by the method " + std::string(to_string(method)));
    read(option, path, method == AuthMethod::kUsers, out);
  }

  template <typename Parsed>
  void read(const char* option, const std::string& path, bool is_secret, std::shared_ptr<const Parsed>& out) {
    const reactor::FileText file = reactor::read_file(path, kFileBytesMax);
    if (!file.text) return say(option, path + ": " + file.error);
    if (is_secret && (file.mode & S_IRWXO) != 0) {
      return say(option, path + ": others may read or write it: chmod o= " + path);
    }
    if ((file.mode & S_IWOTH) != 0) return say(option, path + ": others may write it: chmod o-w " + path);
    std::vector<std::string> wrong;
    out = Parsed::parse(*file.text, path, wrong);
    for (const std::string& line : wrong) say(option, line);
  }

  void take_permissions() {
    if (options_.permissions_file.empty()) return;
    if (options_.methods.empty()) {
      return say("permissions_file", "needs a method in authentication: otherwise nobody has a principal");
    }
    read("permissions_file", options_.permissions_file, false, policy_->permissions);
    if (policy_->permissions == nullptr || !has(AuthMethod::kAnonymous)) return;
    if (options_.anonymous_role.empty()) {
      say("anonymous_role", "is needed by the method anonymous together with permissions_file");
    } else if (!policy_->permissions->has_role(options_.anonymous_role)) {
      say("anonymous_role", "there is no such role in " + options_.permissions_file);
    }
  }

  const IdentityOptions& options_;
  std::vector<std::string>& problems_;
  const size_t before_;
  const std::shared_ptr<Policy> policy_ = std::make_shared<Policy>();
};

}  // namespace

std::shared_ptr<const Policy> Policy::load(const IdentityOptions& options, std::vector<std::string>& problems) {
  return Loading(options, problems).run();
}

}  // namespace onehop::identity
