// Silences and acknowledgements on a domain's page: what is silenced, the form that silences, and what a form
// that was sent asks for.
#pragma once

#include <tl/expected.hpp>

#include "agent/tell/html.h"
#include "agent/tell/snapshot.h"

namespace stswatch {

/// The fields of the form, as they were sent.
struct SilenceForm {
  std::string code, subject;  // of an open finding; both "*": the whole domain
  std::string span;           // one of those that the form offers
  std::string comment;
};

/// Only what is open on this domain can be silenced, so that nobody silences more than he sees. The error is
/// for the sender.
tl::expected<Silence, std::string> silence_of(const SilenceForm& form, const DomainMemory& memory,
                                              TimePoint now);

/// The button for who is at what was told of the domain, or the word that somebody is.
void acknowledgement(Html& page, const DomainMemory& memory, const Snapshot& snapshot);
/// All that stand, with who made them and until when; nothing where there is none.
void all_silences(Html& page, const Snapshot& snapshot);
/// The form for all of the domain, and the silences that touch it.
void silence_of_domain(Html& page, const DomainMemory& memory, const Snapshot& snapshot);
/// The form for one finding, or the word that it is silenced.
void silence_of_finding(Html& page, const DomainMemory& memory, const Finding& finding,
                        const Snapshot& snapshot);

}  // namespace stswatch
