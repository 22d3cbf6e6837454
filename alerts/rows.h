// Topics, notices owed and silences as rows of the key-value store. What cannot be read is an error, never a
// crash.
#pragma once

#include <string>
#include <string_view>
#include <tl/expected.hpp>

#include "alerts/notice.h"
#include "alerts/open_finding.h"
#include "alerts/options.h"

namespace stswatch {

inline constexpr const char* kTopicTable = "alert_topic";
inline constexpr const char* kOwedTable = "alert_owed";
inline constexpr const char* kSilenceTable = "alert_silence";

std::string to_row(const Problem& problem);
std::string to_row(const PendingNotice& pending);
std::string to_row(const Silence& silence);
tl::expected<Problem, std::string> topic_from_row(std::string_view text);
tl::expected<PendingNotice, std::string> owed_from_row(std::string_view text);
tl::expected<Silence, std::string> silence_from_row(std::string_view text);

/// A name for a silence that begins now, and of no other, whoever else makes one at this moment: the service
/// and commands beside it do not see what the others are about to write.
std::string new_silence_id(TimePoint now);

}  // namespace stswatch
