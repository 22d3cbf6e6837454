// What a finding says in place of its row's texts where these would mislead: of a domain that takes no mail,
// of a policy that only tests, of a name that no policy can hold. Constant data, kept apart from the rows
// since few have it; a rule that has raised a finding says which situation it is in.
#pragma once

#include <initializer_list>
#include <span>
#include <string_view>

#include "checks/judge/catalogue/finding.h"

namespace stswatch {

enum class Situation {
  takes_no_mail,   // the domain has a null MX
  tests,           // the strongest mode that anybody may hold is testing
  underscore,      // {value}: the host whose name neither policy nor certificate can hold
  dangling_alias,  // {value}: where the CNAME leads to
  gates_pass,      // nothing stands in the way of enforce
  some_copies,     // {value}: the addresses of the policy host that serve this policy; others serve another
  stops_postfix,   // a pattern in effect that Postfix cannot use
  unreadable,      // the odd copies are no policy that anybody applies
  no_other_copy,   // {value}: the addresses of the policy host that serve this policy; no other serves one
  not_mail,        // {value}: a name that cannot be looked up, of the policy and not of the mail
  last_enforces,   // of two modes the last is enforce, under which no MX host is listed
  implicit_mx,     // there is no MX record: the host is the domain itself
  no_host_name,    // {value}: an MX target that no policy and no certificate for the world can name
  backup,          // better hosts of the domain are listed and work
  below_wildcard,  // {value}: a host more than one label below a wildcard of the policy
  one_line,        // the whole policy file is one line
  not_a_pattern,   // {value}: what the policy lists and no host is called
  asks_nothing,    // nobody may hold a policy that asks for anything
  no_address,      // none of the MX hosts has an address
  foreign,         // {value}: the domain that the host is under, which is not the owner's
  left_over,       // {value}: an MX record of a verification that is over
  no_mail,         // nobody can deliver to the domain, whatever it publishes
  existed,         // a domain that was there, and is no more
  no_hosts,        // it is there, with neither MX nor address
  hangs_up,        // the peer closes at once, where another is silent for minutes
  no_other,        // none of the hosts that are listed works
  no_policy,       // what is served there is no policy, whatever its type
  one_address,     // {address}: one that does so, while another one serves
  same_id,         // the earlier policy had the id of now
  other_hosts,     // the MX hosts are others than those of the earlier policy
  intermediate,    // {value}: the certificate of a CA that the host sends and that has ended
  unlisted,        // no policy in effect lists the host
  tests_implicit,  // as implicit_mx, where the policy only tests
  had_records,     // as implicit_mx, of a domain whose MX records are remembered
  compressed,      // the body is whole, in a coding that nobody undoes
  spaced_version,  // a blank before the ";" that ends the version
  others_listed,   // {value}: the hosts that are left out; the policy lists others of the MX set
};

struct SituationTexts {
  std::string_view code;
  Situation situation;
  std::string_view effect, fix;  // empty: the row's
};

std::span<const SituationTexts> situations();
const SituationTexts* texts_in(std::string_view code, Situation situation);

/// The finding (null: nothing to do) says what fits this situation, where its code has a text for it.
void say_for(Situation situation, const Domain& domain, TimePoint now, Finding* finding,
             std::initializer_list<Fill> fills = {});

}  // namespace stswatch
