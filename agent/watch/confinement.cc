#include "agent/watch/confinement.h"

#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "agent/watch/log.h"
#include "checks/facts/text.h"

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

namespace stswatch::kernel {

// What the kernel refuses.

namespace {

constexpr long kMovesAbi = 2, kTruncateAbi = 3;
constexpr std::uint64_t kTruncate = 1U
                                    << 14U;  // LANDLOCK_ACCESS_FS_TRUNCATE, which Debian 12 has no name for

/// What a store and a Maildir need.
constexpr std::uint64_t kFiles = LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_MAKE_REG |
                                 LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_REFER | kTruncate;
constexpr std::uint64_t kNobody = LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_REMOVE_DIR |
                                  LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_CHAR |
                                  LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_MAKE_SOCK |
                                  LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_SYM;

std::uint64_t known_to(long abi) {
  std::uint64_t known = kFiles | kNobody;
  if (abi < kMovesAbi) known &= ~std::uint64_t{LANDLOCK_ACCESS_FS_REFER};
  if (abi < kTruncateAbi) known &= ~kTruncate;
  return known;
}

tl::unexpected<std::string> failed(const std::string& what) {
  return tl::unexpected(what + ": " + std::strerror(errno));
}

/// Closed with its owner; errno stays what it was.
struct Descriptor {
  const int fd;
  explicit Descriptor(long opened) : fd(static_cast<int>(opened)) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    const int error = errno;
    if (fd >= 0) ::close(fd);
    errno = error;
  }
};

tl::expected<void, std::string> allow_beneath(const std::string& folder, std::uint64_t what, int rules) {
  const Descriptor there(::open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (there.fd < 0) return failed(folder);
  const landlock_path_beneath_attr rule{what, there.fd};
  if (::syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) != 0)
    return failed(folder);
  return {};
}

// A filter is a program: each instruction has how many it skips where the value fits, and where it does not.

constexpr sock_filter load(std::size_t offset) {
  return {BPF_LD | BPF_W | BPF_ABS, 0, 0, static_cast<std::uint32_t>(offset)};
}
constexpr sock_filter test(unsigned how, std::uint32_t value, std::uint8_t fits, std::uint8_t does_not) {
  return {static_cast<std::uint16_t>(BPF_JMP | BPF_K | how), fits, does_not, value};
}
constexpr sock_filter kAllow{BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW};
constexpr sock_filter kRefuse{BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ERRNO | EPERM};

constexpr std::array kRefused = {
#ifndef STSWATCH_LEAK_CHECK
    SYS_ptrace,
#endif
    // other processes
    SYS_execve, SYS_execveat, SYS_process_vm_readv, SYS_process_vm_writev, SYS_pidfd_getfd,
    // another view of the files
    SYS_mount, SYS_umount2, SYS_pivot_root, SYS_chroot, SYS_setns, SYS_unshare, SYS_fsopen, SYS_fsmount,
    SYS_open_tree, SYS_move_mount, SYS_open_by_handle_at,
    // the kernel itself
    SYS_kexec_load, SYS_kexec_file_load, SYS_init_module, SYS_finit_module, SYS_delete_module, SYS_reboot,
    SYS_swapon, SYS_swapoff,
    // where its faults were found before
    SYS_bpf, SYS_perf_event_open, SYS_userfaultfd, SYS_io_uring_setup, SYS_io_uring_enter,
    SYS_io_uring_register, SYS_keyctl, SYS_add_key, SYS_request_key};

#if defined(__x86_64__)
constexpr std::uint32_t kArchitecture = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr std::uint32_t kArchitecture = AUDIT_ARCH_AARCH64;
#else
constexpr std::uint32_t kArchitecture = 0;
#endif
constexpr std::uint32_t kX32 = 0x40000000;  // a second set of numbers on x86_64; elsewhere there are none

}  // namespace

tl::expected<void, std::string> gain_no_rights() {
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return failed("PR_SET_NO_NEW_PRIVS");
  return {};
}

tl::expected<void, std::string> write_only_beneath(const std::vector<std::string>& folders, bool moves) {
  const long abi = ::syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
  if (abi < 0) return failed("this kernel has none");
  if (moves && abi < kMovesAbi)
    return tl::unexpected(std::string("before Linux 5.19 no file could go from one folder into another"));
  const landlock_ruleset_attr handled{known_to(abi)};
  const Descriptor rules(::syscall(SYS_landlock_create_ruleset, &handled, sizeof handled, 0));
  if (rules.fd < 0) return failed("landlock_create_ruleset");
  for (const auto& folder : folders)
    if (auto allowed = allow_beneath(folder, kFiles & known_to(abi), rules.fd); !allowed) return allowed;
  if (::syscall(SYS_landlock_restrict_self, rules.fd, 0) != 0) return failed("landlock_restrict_self");
  return {};
}

tl::expected<void, std::string> refuse_calls() {
  if (kArchitecture == 0) return tl::unexpected(std::string("no filter is written for this architecture"));
  std::vector<sock_filter> filter{
      load(offsetof(seccomp_data, arch)), test(BPF_JEQ, kArchitecture, 1, 0), kRefuse,
      load(offsetof(seccomp_data, nr)),   test(BPF_JGE, kX32, 0, 1),          kRefuse};
  for (const auto call : kRefused) {
    filter.push_back(test(BPF_JEQ, static_cast<std::uint32_t>(call), 0, 1));
    filter.push_back(kRefuse);
  }
  filter.push_back(kAllow);
  const sock_fprog program{static_cast<std::uint16_t>(filter.size()), filter.data()};
  if (::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) != 0)
    return failed("this kernel has none");
  return {};
}

}  // namespace stswatch::kernel
