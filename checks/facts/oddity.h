// How exactly a text, an answer or a host departs from what its RFC wants, where deployed senders differ
// about it: finer than the fault that the departure is filed under. Facts name what they saw;
// checks/judge/catalogue knows who minds.
#pragma once

#include <cstdint>

namespace stswatch {

enum class Oddity : std::uint8_t {
  none,  // nothing finer than the fault

  // The record at _mta-sts.D (RFC 8461 §3.1).
  no_semicolon,        // "v=STSv1 id=1": the only record
  version_case,        // "v=stsv1", or white space before it
  bare_version,        // another record: "v=STSv1", and neither ";" nor a letter or digit behind it
  spaced_version,      // another record: "v=STSv1 ;"
  longer_version,      // another record: "v=STSv12;"
  id_empty,            // "id="
  id_spaced,           // "id = 1"
  id_case,             // "ID=1"
  id_repeated,         // "id=1; id=2"
  part_without_value,  // behind the id: a part without "="

  // The policy file (RFC 8461 §3.2).
  blank_line,
  byte_order_mark,
  comment,
  comment_with_colon,
  leading_space,
  space_before_colon,
  known_field_repeated,
  no_field_at_all,
  version_missing,
  key_case,       // a field that is missing only because its key is not in lower case
  key_beside,     // another spelling of a key that is there as it should be
  mode_case,      // "mode: Enforce"
  signed_number,  // "max_age: +604800"
  fraction,       // "max_age: 604800.0"
  not_utf8,
  in_known_field,  // a control character, in a field that counts
  mx_unreadable,   // a pattern that Postfix cannot take as part of its TLS policy: a list, "*", an address
  mx_leading_dot,  // ".example.com"

  // The answer of the policy host (RFC 8461 §3.3).
  success_but_200,  // another status 2xx
  over_2_s,
  over_4_s,
  deflate,
  not_a_policy,  // what is served is none to anybody
  charset_unknown,
  cut_at_10_k,       // over 10 KiB, and the fields that count do not all stand before
  read_at_10_k,      // over 10 KiB, and they do
  partial_wildcard,  // a certificate for "mta-*.D"

  // An MX host under the policy (RFC 8461 §4).
  certificate_listed,  // the policy's patterns match a name of its certificate, whatever the host is called
  below_wildcard,      // "*.example.com" and a host two labels below
  listed_and_below,    // both
  final_dot,           // listed but for the dot behind the name in the policy
  last_mode_milder,    // "mode: enforce", and below it another that asks for less
  new_id_unreadable,   // the id shown now is of a policy that nobody can fetch
};

}  // namespace stswatch
