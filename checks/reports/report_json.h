// The JSON of a TLS report: RFC 8460 §4.4, I-JSON (RFC 7493). Tolerant of what real reporters leave out or
// write otherwise, strict in numbers: a count that is none makes the whole report void. Pure.
#pragma once

#include <string>
#include <string_view>
#include <tl/expected.hpp>

#include "checks/facts/tls_report.h"

namespace stswatch::reports {

/// The error says what is wrong, for the operator; it may quote the text.
tl::expected<TlsReport, std::string> read_report_json(std::string_view text);

}  // namespace stswatch::reports
