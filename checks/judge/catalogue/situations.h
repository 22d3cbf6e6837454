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
