// What the kernel refuses this process from now on, whatever it is brought to do later: by Landlock
// (landlock(7)) and by a filter of system calls (seccomp(2)). Both count for the calling thread and for those
// that it starts afterwards, and are never lifted. Each error says why it is not in force.
#pragma once

#include <string>
#include <tl/expected.hpp>
#include <vector>

namespace stswatch::kernel {

/// A set-user-id program gives no rights any more; without it the other two are for the privileged only.
tl::expected<void, std::string> gain_no_rights();

/// Files are made, written and removed beneath these folders alone, and no program is started; what is open
/// stays so. `moves`: files go from one of the folders into another.
tl::expected<void, std::string> write_only_beneath(const std::vector<std::string>& folders, bool moves);

/// Programs are not started, other processes, namespaces, mounts, keys and modules not touched: EPERM.
tl::expected<void, std::string> refuse_calls();

}  // namespace stswatch::kernel
