// What a report that somebody sends may cost, each with its reason. A mailbox and an open door take them from
// anybody.
#pragma once

#include <cstddef>

namespace stswatch::reports {

inline constexpr std::size_t kPacked = 16U << 20;    // as received: what the door takes of one
inline constexpr std::size_t kUnpacked = 10U << 20;  // the largest real ones are a tenth of it
inline constexpr std::size_t kLayers = 3;            // a gzip in a zip in a mail
inline constexpr std::size_t kNesting = 32;          // RFC 8460's own JSON is six deep
inline constexpr std::size_t kValues = 400'000;      // some 40,000 rows of failure-details, 40 MiB when read
inline constexpr std::size_t kZipMembers = 16;       // archives of reporters hold one
inline constexpr std::size_t kMailParts = 100;       // RFC 8460 §5.3: two
inline constexpr std::size_t kMailNesting = 16;

}  // namespace stswatch::reports
