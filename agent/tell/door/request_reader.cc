#include "agent/tell/door/request_reader.h"

#include <algorithm>

#include "agent/tell/door/bounds.h"

namespace stswatch::door {
namespace {

constexpr std::size_t kPiece = 64U << 10;

}  // namespace

void Body::add(std::string_view octets) {
  size_ += octets.size();
  while (!octets.empty()) {
    if (pieces_.empty() || pieces_.back().size() >= kPiece) pieces_.emplace_back();
    const auto n = std::min(octets.size(), kPiece - pieces_.back().size());
    pieces_.back().append(octets.substr(0, n));
    octets.remove_prefix(n);
  }
}

std::size_t Body::read(char* into, std::size_t room) {
  if (pieces_.empty()) return 0;
  auto& piece = pieces_.front();
  const auto n = std::min(room, piece.size() - at_);
  std::copy_n(piece.data() + at_, n, into);
  at_ += n;
  size_ -= n;
  if (at_ == piece.size()) {
    pieces_.pop_front();
    at_ = 0;
  }
  return n;
}

std::size_t RequestReader::take(std::string_view octets) {
  std::size_t taken = 0;
  while (taken < octets.size() && state_ != State::complete && state_ != State::refused) {
    const auto rest = octets.substr(taken);
    taken += state_ == State::body ? take_body(rest) : take_head(rest);
  }
  return taken;
}

/// Line by line, so that the first bad end of a line is the last octet that is read.
std::size_t RequestReader::take_head(std::string_view octets) {
  state_ = State::head;
  const auto end = octets.find('\n');
  const auto piece = octets.substr(0, end == octets.npos ? end : end + 1);
  if (text_.size() + piece.size() > kHead + 2) {
    refuse({431, "this head is too long"});
    return piece.size();
  }
  text_ += piece;
  if (end == octets.npos) return piece.size();
  const auto before = text_.size() > 1 ? text_.rfind('\n', text_.size() - 2) : text_.npos;
  const auto begin = before == text_.npos ? 0 : before + 1;
  const auto line = std::string_view(text_).substr(begin);
  // RFC 9112 §2.2 lets a reader take a bare LF for an end; others do not, and there the disagreement begins.
  if (line.size() < 2 || line.find('\r') != line.size() - 2) {
    refuse({400, "a line of the head does not end with CRLF"});
  } else if (line.size() == 2 && begin == 0) {
    text_.clear();  // §2.2: an empty line before the request is no part of it
    state_ = ++skipped_ > 2 ? State::refused : State::empty;
    if (state_ == State::refused) refuse({400, "these are empty lines"});
  } else if (line.size() == 2) {
    text_.resize(text_.size() - 2);
    begin_body();
  } else if (++lines_ > kHeaderLines + 1) {
    refuse({431, "these are too many header lines"});
  }
  return piece.size();
}

void RequestReader::begin_body() {
  auto head = parse_head(text_);
  head_octets_ = text_.size();
  text_ = {};
  if (!head) return refuse(std::move(head.error()));
  head_ = std::move(*head);
  if (head_->chunked) chunks_.emplace(body_bound(head_->path()));
  state_ = head_->chunked || head_->length > 0 ? State::body : State::complete;
}

std::size_t RequestReader::take_body(std::string_view octets) {
  if (!chunks_) {
    const auto n = std::min(octets.size(), head_->length - body_.size());
    body_.add(octets.substr(0, n));
    if (body_.size() == head_->length) state_ = State::complete;
    return n;
  }
  auto taken = chunks_->take(octets, [&](std::string_view data) { body_.add(data); });
  if (!taken) {
    refuse(std::move(taken.error()));
    return octets.size();
  }
  if (chunks_->complete()) state_ = State::complete;
  return *taken;
}

void RequestReader::refuse(Refusal refusal) {
  refusal_ = std::move(refusal);
  state_ = State::refused;
  text_ = {};
  head_octets_ = 0;
  head_.reset();
  chunks_.reset();
  body_ = {};
}

}  // namespace stswatch::door
