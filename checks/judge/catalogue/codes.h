// Codes that somebody besides the rule that raises them asks for, as constants: whoever needs one more, asks
// first whether a column of the catalogue can say it. A test holds them against the catalogue.
#pragma once

#include <array>
#include <string_view>

namespace stswatch::codes {

inline constexpr std::string_view not_deployed = "sts-not-deployed";
inline constexpr std::string_view enforce_ready = "enforce-ready";
inline constexpr std::string_view breakage_now = "enforce-breakage-now";
inline constexpr std::string_view none_listed = "mx-none-in-policy";
inline constexpr std::string_view duplicate_field = "sts-policy-duplicate-field";
inline constexpr std::string_view resolver_blind = "vantage-resolver-blind";
inline constexpr std::string_view starttls_stripped = "vantage-starttls-stripped";
inline constexpr std::string_view resources = "vantage-resources";
inline constexpr std::string_view clock_stepped = "vantage-clock-stepped";
inline constexpr std::string_view clock_skew = "vantage-clock-skew";
inline constexpr std::string_view probe_disagrees = "tlsrpt-probe-disagrees";

inline constexpr std::array all = {none_listed,   duplicate_field, not_deployed,      enforce_ready,
                                   breakage_now,  resolver_blind,  starttls_stripped, resources,
                                   clock_stepped, clock_skew,      probe_disagrees};

}  // namespace stswatch::codes
