// Topics, notices owed and silences as rows of the journal. What cannot be read is an error, never a crash.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

#include "alerts/options.h"
#include "alerts/outbox.h"
#include "alerts/topic.h"

namespace stswatch {

inline constexpr const char* kTopicTable = "alert_topic";
inline constexpr const char* kOwedTable = "alert_owed";
inline constexpr const char* kSilenceTable = "alert_silence";

std::string to_row(const Topic& topic);
std::string to_row(const Owed& owed);
std::string to_row(const Silence& silence);
tl::expected<Topic, std::string> topic_from_row(std::string_view text);
tl::expected<Owed, std::string> owed_from_row(std::string_view text);
tl::expected<Silence, std::string> silence_from_row(std::string_view text);

/// A name for a silence that begins now.
std::string new_silence_id(TimePoint now, const std::function<bool(const std::string&)>& taken);

}  // namespace stswatch
