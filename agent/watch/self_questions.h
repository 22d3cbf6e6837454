// What the running agent asks itself, and for how long an answer has to stand before it is said. Made once,
// before the first look: what is remembered from a clock that was wrong is dated anew then.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "agent/remember/store.h"
#include "agent/watch/calendar.h"
#include "agent/watch/notifier.h"
#include "agent/watch/reload.h"
#include "agent/watch/report_watch.h"
#include "agent/watch/self_check.h"
#include "agent/watch/service.h"

namespace stswatch {

/// What the agent can be asked of itself; an answer is what is wrong at present.
struct SelfSenses {
  using Sense = std::function<std::optional<std::string>()>;
  Sense clocks, means, resolver, validation, skew, starttls, port25, store, configuration, receivers, reports;
  std::function<bool()> port25_tried;
};

/// A row for each sense: the code it raises, and how long it has to be so.
std::vector<SelfQuestion> self_questions(const SelfSenses& senses);

/// Which receivers are owed a notice for too long, and how much; nullopt: none.
std::optional<std::string> owed_too_long(std::span<const ReceiverFigures> receivers, TimePoint now);

/// All of them outlive the senses.
struct SelfParts {
  Calendar& clock;
  Service& service;
  Notifier& notifier;
  Store& memory;
  Reloader& reloader;
  ReportWatch& reports;
};

SelfSenses senses_of(const SelfParts& of);

}  // namespace stswatch
