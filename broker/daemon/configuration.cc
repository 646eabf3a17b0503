// Configuration: see the header.
#include "daemon/configuration.h"

#include "admin/access.h"
#include "admin/port.h"
#include "daemon/config_file.h"
#include "identity/policy.h"
#include "reactor/file_text.h"

namespace onehop::daemon {
namespace {

// Far beyond any configuration; what is longer is something else.
constexpr size_t kFileBytesMax = 1 << 20;

constexpr std::string_view kTls = "tls://";

TlsOptions tls_options(const DaemonOptions& options) {
  TlsOptions tls;
  for (size_t i = 0; i < options.tls_certificate_file.size(); ++i) {
    tls.certificates.push_back({options.tls_certificate_file[i], options.tls_key_file[i]});
  }
  if (options.tls_client == "optional") tls.clients = TlsClients::kOptional;
  if (options.tls_client == "required") tls.clients = TlsClients::kRequired;
  tls.client_ca_file = options.tls_client_ca_file;
  tls.crl_file = options.tls_crl_file;
  return tls;
}

std::vector<std::string> files_of_tls(const DaemonOptions& options) {
  std::vector<std::string> files = options.tls_certificate_file;
  files.insert(files.end(), options.tls_key_file.begin(), options.tls_key_file.end());
  for (const std::string& file : {options.tls_client_ca_file, options.tls_crl_file}) {
    if (!file.empty()) files.push_back(file);
  }
  return files;
}

class Loading {
 public:
  Loading(const Given& given, std::vector<std::string>& problems) : given_(given), problems_(problems) {
    configuration_.sources.resize(settings().size());
    wrong_.resize(settings().size());
  }

  Configuration run() {
    if (!given_.config_file.empty()) take_file();
    take_texts(given_.environment, Source::Kind::kEnvironment);
    take_texts(given_.flags, Source::Kind::kFlag);
    // Of a file that cannot be read nobody knows what goes together.
    if (!file_is_known_) return std::move(configuration_);
    load_tls();
    check_together();
    check_drain();
    check_admin();
    check_token_files();
    check_identity();
    return std::move(configuration_);
  }

 private:
  void take_file() {
    configuration_.files.push_back(stamp_of(given_.config_file));
    const reactor::FileText file = reactor::read_file(given_.config_file, kFileBytesMax);
    if (!file.text) {
      problems_.push_back(given_.config_file + ": cannot be read: " + file.error);
      file_is_known_ = false;
      return;
    }
    const ConfigFile parsed = parse_config_file(*file.text, given_.config_file, problems_);
    file_is_known_ = parsed.is_toml;
    for (const FileEntry& entry : parsed.entries) {
      put(settings()[entry.setting], entry.value, configuration_.options);
      configuration_.sources[entry.setting] = {Source::Kind::kFile, entry.line};
    }
    for (const size_t setting : parsed.wrong) wrong_[setting] = true;
  }

  void take_texts(const std::map<size_t, std::vector<std::string>>& texts, Source::Kind kind) {
    for (const auto& [index, given] : texts) {
      const Setting& setting = settings()[index];
      configuration_.sources[index] = {kind, 0};
      std::string wrong;
      const Value value = read_texts(setting, given, wrong);
      // Whoever wins decides, whatever the file says.
      wrong_[index] = !wrong.empty();
      if (wrong.empty()) {
        put(setting, value, configuration_.options);
      } else {
        problems_.push_back(where(index) + wrong);
      }
    }
  }

  // What only the broker knows: which values do not go together, which addresses are none.
  void check_together() {
    for (const std::string& wrong : Broker::check_all(configuration_.options.broker)) {
      const size_t colon = wrong.find(": ");
      const size_t index = colon == std::string::npos ? settings().size() : find_setting(wrong.substr(0, colon));
      if (is_about_a_wrong_one(wrong)) continue;
      problems_.push_back(index == settings().size() ? wrong : where(index) + wrong.substr(colon + 2));
    }
  }

  // Of a setting that could not be read the default holds, about which there is nothing to say.
  bool is_about_a_wrong_one(std::string_view problem) const {
    for (size_t i = 0; i < wrong_.size(); ++i) {
      if (wrong_[i] && problem.find(settings()[i].name) != problem.npos) return true;
    }
    return false;
  }

  // Before the broker is asked, which wants to know whether there is any.
  void load_tls() {
    DaemonOptions& options = configuration_.options;
    const size_t certificates = options.tls_certificate_file.size();
    const size_t problems = problems_.size();
    if (options.tls_key_file.size() != certificates) {
      say("tls_key_file", "must name as many files as tls_certificate_file: one for each certificate");
    } else if (options.tls_client != "none" && options.tls_client_ca_file.empty()) {
      say("tls_client", "needs tls_client_ca_file, to verify certificates with");
    } else if (options.tls_client == "none" && !options.tls_client_ca_file.empty()) {
      // Whoever gives the file believes that it counts.
      say("tls_client_ca_file", "has no effect with tls_client none: optional or required asks for certificates");
    } else if (options.tls_client == "none" && !options.tls_crl_file.empty()) {
      say("tls_crl_file", "has no effect with tls_client none: optional or required asks for certificates");
    } else if (certificates != 0) {
      load_tls_files(options);
    }
    // Nobody need be told then that there is no certificate.
    if (problems_.size() != problems) wrong_[find_setting("tls_certificate_file")] = true;
  }

  void load_tls_files(DaemonOptions& options) {
    for (const std::string& file : files_of_tls(options)) configuration_.files.push_back(stamp_of(file));
    std::string wrong;
    configuration_.tls = Tls::load(tls_options(options), wrong);
    if (configuration_.tls == nullptr) return say("tls_certificate_file", wrong);
    options.broker.tls = configuration_.tls->security();
    if (!options.admin.starts_with(kTls)) return;
    TlsOptions of_admin = tls_options(options);
    of_admin.clients = TlsClients::kNone;
    of_admin.protocol = "http/1.1";
    configuration_.admin_tls = Tls::load(of_admin, wrong);
    if (configuration_.admin_tls == nullptr) say("admin", wrong);
  }

  void check_drain() {
    const DaemonOptions& options = configuration_.options;
    const uint32_t delay = options.broker.drain_delay_ms;
    if (delay == 0 || delay < options.stop_deadline_ms) return;
    const std::string wrong = "must be below stop_deadline_ms, which is all the time a drain has";
    if (!is_about_a_wrong_one(wrong)) say("drain_delay_ms", wrong);
  }

  void check_admin() {
    std::string wrong;
    const std::string& admin = configuration_.options.admin;
    if (admin == "none") return;
    if (!admin::Port::check(admin, wrong)) return say("admin", wrong);
    const bool has_certificate = configuration_.admin_tls != nullptr || wrong_[find_setting("tls_certificate_file")];
    if (admin.starts_with(kTls) && !has_certificate) say("admin", "tls:// needs a certificate: tls_certificate_file");
  }

  void check_token_files() {
    admin::Tokens& tokens = configuration_.admin_tokens;
    tokens.of_operators = read_token_file("admin_token_file", configuration_.options.admin_token_file);
    tokens.of_viewers = read_token_file("admin_viewer_token_file", configuration_.options.admin_viewer_token_file);
    if (!tokens.of_viewers.empty() && tokens.of_viewers == tokens.of_operators) {
      say("admin_viewer_token_file", "holds the same token as admin_token_file");
    }
  }

  std::string read_token_file(std::string_view name, const std::string& path) {
    if (path.empty()) return {};
    configuration_.files.push_back(stamp_of(path));
    std::string wrong;
    if (std::optional<std::string> token = admin::read_token(path, wrong)) return *std::move(token);
    say(name, wrong);
    return {};
  }

  void check_identity() {
    const IdentityOptions options = identity_options(configuration_.options);
    for (const std::string& path : {options.users_file, options.token_keys_file, options.permissions_file}) {
      if (!path.empty()) configuration_.files.push_back(stamp_of(path));
    }
    std::vector<std::string> problems;
    configuration_.policy = identity::Policy::load(options, problems);
    for (const std::string& wrong : problems) {
      const size_t colon = wrong.find(": ");
      if (!is_about_a_wrong_one(wrong)) say(wrong.substr(0, colon), wrong.substr(colon + 2));
    }
  }

  void say(std::string_view name, const std::string& wrong) {
    const size_t index = find_setting(name);
    problems_.push_back(where(index) + wrong);
  }

  std::string where(size_t index) const {
    const std::string name(settings()[index].name);
    const Source& source = configuration_.sources[index];
    switch (source.kind) {
      case Source::Kind::kFlag:
        return flag_of(name) + ": ";
      case Source::Kind::kEnvironment:
        return environment_of(name) + ": ";
      case Source::Kind::kFile:
        return given_.config_file + ":" + std::to_string(source.line) + ": " + name + ": ";
      case Source::Kind::kDefault:
        break;
    }
    return name + ": ";
  }

  const Given& given_;
  std::vector<std::string>& problems_;
  Configuration configuration_;
  bool file_is_known_ = true;
  std::vector<bool> wrong_;  // By setting: the value that would hold cannot be read.
};

const char* word_for(Source::Kind kind) {
  switch (kind) {
    case Source::Kind::kFlag:
      return "flag";
    case Source::Kind::kEnvironment:
      return "environment";
    case Source::Kind::kFile:
      return "file";
    case Source::Kind::kDefault:
      break;
  }
  return "default";
}

constexpr const char* kReferenceBegin = R"(# Configuration

This page is what `onehopd --print-reference` prints. A test compares the two, so edit the table in
[settings_table.cc](../broker/daemon/settings_table.cc), not this page.

Every setting can be given as a flag, in the environment, and in a file (`--config FILE`, or `ONEHOP_CONFIG`); a flag wins
over the environment, that over the file, and that over the default. The file is TOML with the names below as its keys:

```toml
listen = ["tcp://127.0.0.1:7411", "unix:///run/onehop/onehop.sock"]
queue_bytes_max = 8388608
log_level = "warn"
```

Numbers are plain, in the unit that the name ends with. A switch is `true` or `false` in the file and the environment; as a
flag it stands alone. A list is an array of texts in the file, one text with commas in the environment, and a flag that may
be given again. Texts are printable ASCII. A variable of the environment that is empty counts as not given, and variables
called `ONEHOP_…` that no setting has are left alone, because Kubernetes makes such up. In the file an unknown key is an
error.

* `onehopd --check-config` says all that is wrong at once, a line for each, `FILE:LINE: key: what it must be`, and ends with 2;
  or `ok` and 0. Of a file that is no TOML it says the first mistake only.
* `onehopd --print-config` prints what holds, as such a file, with where each value came from.
* SIGHUP reads the file, the token files, and the files of TLS and of identity again. If anything is wrong in them, or a setting
  differs that cannot change while the broker runs, everything stays as it was, and one line of the log says why. What changes is
  told in audit lines.
* With `reload_on_change` the broker does the same without a signal, when one of these files has changed.

* Clients that connect after a reload meet the new certificates, authorities and revocation lists. Those that are connected
  stay. See [tls.md](tls.md).

)";

}  // namespace

IdentityOptions identity_options(const DaemonOptions& options) {
  IdentityOptions out;
  for (const std::string& name : options.authentication) {
    for (const AuthMethod method :
         {AuthMethod::kCertificate, AuthMethod::kToken, AuthMethod::kUsers, AuthMethod::kAnonymous}) {
      if (name == to_string(method)) out.methods.push_back(method);
    }
  }
  if (options.certificate_principal == "dns") out.certificate_principal = CertificatePrincipal::kDns;
  if (options.certificate_principal == "cn") out.certificate_principal = CertificatePrincipal::kCommonName;
  out.users_file = options.users_file;
  out.token_keys_file = options.token_keys_file;
  out.token_issuer = options.token_issuer;
  out.token_audience = options.token_audience;
  out.permissions_file = options.permissions_file;
  out.anonymous_role = options.anonymous_role;
  out.checks_threads = options.checks_threads;
  return out;
}

std::optional<Configuration> load(const Given& given, std::vector<std::string>& problems) {
  Configuration configuration = Loading(given, problems).run();
  if (!problems.empty()) return std::nullopt;
  return configuration;
}

std::vector<Change> changes(const DaemonOptions& before, const DaemonOptions& after) {
  std::vector<Change> out;
  for (const Setting& setting : settings()) {
    const Value old_value = get(setting, before);
    const Value new_value = get(setting, after);
    if (old_value != new_value) out.push_back({&setting, literal(old_value), literal(new_value)});
  }
  return out;
}

std::string as_toml(const Configuration& configuration) {
  std::string out;
  for (size_t i = 0; i < settings().size(); ++i) {
    const Setting& setting = settings()[i];
    out.append(setting.name).append(" = ").append(literal(get(setting, configuration.options)));
    out.append("  # ").append(word_for(configuration.sources[i].kind)).append("\n");
  }
  return out;
}

std::string as_json(const Configuration& configuration) {
  std::string out = "{\"settings\":[";
  for (size_t i = 0; i < settings().size(); ++i) {
    const Setting& setting = settings()[i];
    out.append(i == 0 ? "" : ",").append("{\"name\":\"").append(setting.name);
    out.append("\",\"value\":").append(literal(get(setting, configuration.options)));
    out.append(",\"source\":\"").append(word_for(configuration.sources[i].kind));
    out.append("\",\"reloadable\":").append(setting.reloadable ? "true" : "false").append("}");
  }
  return out + "]}";
}

std::string reference() {
  const DaemonOptions defaults;
  std::string out = kReferenceBegin;
  out += "| setting | type | default | range | on SIGHUP | meaning |\n| --- | --- | --- | --- | --- | --- |\n";
  for (const Setting& setting : settings()) {
    const std::string range = range_of(setting);
    out.append("| `").append(setting.name).append("`<br>`").append(flag_of(setting.name)).append("`<br>`");
    out.append(environment_of(setting.name)).append("` | ").append(type_of(setting));
    out.append(setting.unit.empty() ? "" : ", ").append(setting.unit);
    out.append(" | `").append(literal(get(setting, defaults))).append("` | ").append(range.empty() ? "any" : range);
    out.append(setting.reloadable ? " | changes" : " | stays").append(" | ").append(setting.meaning).append(" |\n");
  }
  return out;
}

}  // namespace onehop::daemon
