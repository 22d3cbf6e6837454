// Is mail stopping, and whose? The first thing that somebody who is woken wants to know: in the words of what
// was judged, and no further than what was seen. Pure.
#pragma once

#include <string>

#include "checks/judge/verdict.h"

namespace stswatch {

struct MailNow {
  enum class State {
    unsaid,    // it takes no mail, or nothing can be said
    flows,     // to some host at least, from all senders
    unseen,    // no host was seen
    may_stop,  // all hosts that were seen are of no use; of the others it is not known
    stops,     // for those in `whose`
  };
  State state = State::unsaid;
  std::string whose{};  // stops, may_stop: "all senders", "senders that enforce the policy"
  std::string words{};  // completes "Mail ..."; empty where nothing is said
  std::string why{};    // unseen, may_stop: what of it was seen
};

MailNow mail_now(const Verdict& verdict);

/// Whom a breakage of now hits: those that drew the bad one of several copies, that hold an earlier policy,
/// or all: "that enforce the policy".
std::string whom_it_hits(const Verdict& verdict);

/// Mail stops there whatever a policy says.
bool stops_for_all(const Finding& finding);

}  // namespace stswatch
