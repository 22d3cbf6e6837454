// What a memory may hold of one domain, however restless it is: a live window is never dropped, and where
// room must be made two become one that covers both, so that the result errs towards what may still be held.
// Internal to the fold; pure.
#pragma once

#include <cstdint>
#include <string>

#include "checks/judge/case.h"

namespace stswatch {

namespace past_bounds {
inline constexpr std::size_t kWindows = 256;             // of policies, and of ids
inline constexpr std::size_t kDead = 64;                 // policies that nobody can hold any more
inline constexpr std::size_t kPatternOctets = 1024;      // of one policy that has gone
inline constexpr std::size_t kPolicyOctets = 144 << 10;  // of all of them
inline constexpr std::size_t kChanges = 1000, kChangeOctets = 48 << 10;
inline constexpr std::size_t kForgottenIds = 2048;
}  // namespace past_bounds

/// A long list of patterns is told apart by its digest, not each time by all of its text.
void note_digest(Policy& policy);

void bound_policies(Past& past, const Case& c);
void bound_ids(Past& past);
void bound_changes(std::vector<Change>& changes);

/// Its window may have become part of another's: nobody can say under which id a sender holds what.
bool is_forgotten(const Past& past, const std::string& id);

}  // namespace stswatch
