// What the running agent asks itself, and for how long an answer has to stand before it is said. Made once,
// before the first look: what is remembered from a clock that was wrong is dated anew then.
#pragma once

#include <vector>

#include "agent/remember/store.h"
#include "agent/watch/calendar.h"
#include "agent/watch/notifier.h"
#include "agent/watch/reload.h"
#include "agent/watch/self_check.h"
#include "agent/watch/service.h"

namespace stswatch {

/// All of them outlive the questions.
struct SelfParts {
  Calendar& clock;
  Service& service;
  Notifier& notifier;
  Store& memory;
  Reloader& reloader;
};

std::vector<SelfQuestion> self_questions(const SelfParts& of);

}  // namespace stswatch
