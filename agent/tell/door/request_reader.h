// One request as its octets come in, within the bounds of bounds.h: complete, or refused at the first octet
// that is too many or could be read in two ways. Pure.
#pragma once

#include <deque>
#include <optional>

#include "agent/tell/door/chunks.h"

namespace stswatch::door {

/// In pieces, so that no copy of the whole is made while it grows or is handed on.
class Body {
 public:
  void add(std::string_view octets);
  /// Takes the next octets, at most `room`; 0 at the end.
  std::size_t read(char* into, std::size_t room);
  std::size_t size() const { return size_; }

 private:
  std::deque<std::string> pieces_;
  std::size_t at_ = 0, size_ = 0;  // read of the first piece; left of all
};

class RequestReader {
 public:
  enum class State { empty, head, body, complete, refused };

  /// Takes what belongs to this request; returns how many octets that was.
  std::size_t take(std::string_view octets);

  State state() const { return state_; }
  const Refusal& refusal() const { return *refusal_; }
  /// Once it is complete.
  RequestHead& head() { return *head_; }
  const RequestHead& head() const { return *head_; }
  Body& body() { return body_; }
  const Body& body() const { return body_; }
  std::size_t held() const { return text_.size() + head_octets_ + body_.size(); }

 private:
  std::size_t take_head(std::string_view octets);
  std::size_t take_body(std::string_view octets);
  void begin_body();
  void refuse(Refusal refusal);

  State state_ = State::empty;
  std::string text_;
  std::size_t lines_ = 0, skipped_ = 0;  // complete ones of the head; empty ones before it
  std::size_t head_octets_ = 0;
  std::optional<RequestHead> head_;
  std::optional<Chunks> chunks_;
  std::optional<Refusal> refusal_;
  Body body_;
};

}  // namespace stswatch::door
