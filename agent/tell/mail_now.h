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
    stops,
  };
  State state = State::unsaid;
  bool everybodys = false;  // stops, may_stop: whatever the policy; else of those that enforce one
  std::string words{};      // completes "Mail ..."; empty where nothing is said
  std::string why{};        // unseen, may_stop: what of it was seen
};

MailNow mail_now(const Verdict& verdict);

/// Whom a breakage of now hits: "enforcing senders", or of them those that drew the bad one of several copies
/// or hold an earlier policy.
std::string hit_senders(const Verdict& verdict);

/// It waits for senders that keep an earlier policy longer than RFC 8461 has it, and with it hosts that fail.
bool waits_with_long_keepers(const Finding& finding);

/// Mail stops there whatever a policy says.
bool stops_for_all(const Finding& finding);

}  // namespace stswatch
