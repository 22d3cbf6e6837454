#include "agent/watch/confinement.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "agent/watch/kernel_bounds.h"
#include "agent/watch/log.h"
#include "checks/facts/join.h"

namespace stswatch {
namespace {

namespace fs = std::filesystem;

/// The key that names a program; empty: the service starts none.
std::string program_key(const Config& config) {
  if (!config.domains_command.empty()) return "domains_command";
  const bool sendmail =
      std::ranges::any_of(config.alerts.emails, [](const auto& mail) { return !mail.sendmail.empty(); });
  return sendmail ? "alerts.email.sendmail" : "";
}

/// As the kernel sees it: links are followed.
std::string real_path(const std::string& path) {
  std::error_code error;
  return fs::weakly_canonical(fs::absolute(path, error), error).string();
}

/// Mail that was read goes from the one to the other.
std::vector<std::string> maildir_folders(const Config& config) {
  const auto& maildir = config.tlsrpt.maildir;
  if (maildir.empty()) return {};
  return {real_path(maildir + "/new"), real_path(maildir + "/cur")};
}

bool is_beneath(const std::string& path, const std::string& folder) {
  const auto rest = fs::path(path).lexically_relative(folder);
  return !rest.empty() && *rest.begin() != "..";
}

void log_lack(const std::string& why) { log_info({.event = "not-confined"}, "not confined{}", why); }

}  // namespace

Confinement Confinement::enter(const Config& config, const std::string& store_folder) {
  Confinement out;
  if (!config.agent.confine) {
    log_lack(": agent.confine is false");
    return out;
  }
  if (const auto key = program_key(config); !key.empty()) {
    log_lack(": " + key + " names a program, which would be confined as well and may need more");
    return out;
  }
  if (const auto done = kernel::gain_no_rights(); !done) {
    log_lack(": " + done.error());
    return out;
  }
  const auto maildir = maildir_folders(config);
  auto folders = maildir;
  if (!store_folder.empty()) folders.insert(folders.begin(), real_path(store_folder));
  const auto landlock = kernel::write_only_beneath(folders, !maildir.empty());
  const auto seccomp = kernel::refuse_calls();

  std::string held;
  if (landlock) {
    if (!store_folder.empty()) ::setenv("SQLITE_TMPDIR", folders.front().c_str(), 1);  // else in /var/tmp
    text::add(held, "; ",
              folders.empty() ? "writes no file" : "writes only beneath " + text::joined(folders));
    out.writes_everywhere_ = false;
    out.folders_ = std::move(folders);
  }
  out.starts_programs_ = !landlock && !seccomp;
  if (!out.starts_programs_) text::add(held, "; ", "starts no programs");
  if (seccomp) text::add(held, "; ", "seccomp");
  if (!held.empty()) log_info({.event = "confined"}, "confined: {}", held);
  if (!landlock) log_lack(" by Landlock: " + landlock.error());
  if (!seccomp) log_lack(" by seccomp: " + seccomp.error());
  return out;
}

tl::expected<void, std::string> Confinement::leaves_room_for(const Config& config) const {
  constexpr const char* kMend = ": restart the service, which then starts with what it needs";
  if (const auto key = program_key(config); !starts_programs_ && !key.empty())
    return tl::unexpected(key + " names a program, and this process has given up starting any" + kMend);
  if (writes_everywhere_) return {};
  for (const auto& needed : maildir_folders(config))
    if (std::ranges::none_of(folders_, [&](const auto& folder) { return is_beneath(needed, folder); }))
      return tl::unexpected("tlsrpt.maildir: this process has given up writing into " + needed + kMend);
  return {};
}

}  // namespace stswatch
