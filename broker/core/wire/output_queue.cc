// OutputQueue and SegmentPool: see the header.
#include "core/wire/output_queue.h"

#include <algorithm>
#include <cassert>
#include <cstdlib>
#include <new>
#include <utility>

#include "core/wire/frame_decoder.h"

namespace onehop::core {
namespace {

// Where in a chunk the frame that begins at `at` ends; past the chunk's end if its body is the next segment.
uint32_t frame_end(const Segment& chunk, uint32_t at) {
  uint64_t length = 0;
  size_t prefix_size = 0;
  parse_length({chunk.data + at, chunk.end - at}, length, prefix_size);
  return static_cast<uint32_t>(at + prefix_size + length);
}

void destroy(Segment* segment) {
  segment->~Segment();
  std::free(segment);
}

void destroy_list(Segment* segment) {
  while (segment != nullptr) destroy(std::exchange(segment, segment->next));
}

}  // namespace

SegmentPool::~SegmentPool() {
  destroy_list(references_.head);
  destroy_list(small_.head);
  destroy_list(large_.head);
}

SegmentPool::FreeList& SegmentPool::list_for(uint32_t capacity) {
  if (capacity == 0) return references_;
  return capacity == kSmallChunkBytes ? small_ : large_;
}

Segment* SegmentPool::chunk(size_t size, bool small) {
  uint32_t capacity = small && size <= kSmallChunkBytes ? kSmallChunkBytes : kLargeChunkBytes;
  if (size > capacity) capacity = static_cast<uint32_t>(size);
  Segment* segment = nullptr;
  FreeList& kept = list_for(capacity);
  if (kept.head != nullptr && capacity <= kLargeChunkBytes) {
    segment = std::exchange(kept.head, kept.head->next);
    --kept.size;
  } else {
    void* memory = std::malloc(sizeof(Segment) + capacity);
    if (memory == nullptr) throw std::bad_alloc();
    segment = new (memory) Segment;
    segment->data = reinterpret_cast<char*>(segment + 1);
    segment->capacity = capacity;
  }
  segment->next = nullptr;
  segment->begin = segment->end = 0;
  segment->continues = false;
  live_bytes_ += sizeof(Segment) + segment->capacity;
  return segment;
}

Segment* SegmentPool::reference(Buffer* owner, Bytes bytes) {
  Segment* segment = references_.head;
  if (segment != nullptr) {
    references_.head = segment->next;
    --references_.size;
  } else {
    void* memory = std::malloc(sizeof(Segment));
    if (memory == nullptr) throw std::bad_alloc();
    segment = new (memory) Segment;
  }
  segment->next = nullptr;
  segment->data = const_cast<char*>(bytes.data());  // References are only read.
  segment->begin = 0;
  segment->end = segment->reference_size = static_cast<uint32_t>(bytes.size());
  segment->continues = true;
  segment->owner = BufferRef(owner);
  live_bytes_ += sizeof(Segment);
  referenced_bytes_ += bytes.size();
  return segment;
}

void SegmentPool::release(Segment* segment) {
  segment->owner.reset();
  live_bytes_ -= sizeof(Segment) + segment->capacity;
  if (segment->capacity == 0) referenced_bytes_ -= segment->reference_size;
  FreeList& kept = list_for(segment->capacity);
  if (kept.size >= kKeptMax || segment->capacity > kLargeChunkBytes) return destroy(segment);
  segment->next = kept.head;
  kept.head = segment;
  ++kept.size;
}

OutputQueue::~OutputQueue() {
  assert(head_ == nullptr);
}

void OutputQueue::add_chunk(SegmentPool& pool, size_t size) {
  Segment* chunk = pool.chunk(size, head_ == nullptr);
  (tail_ == nullptr ? head_ : tail_->next) = chunk;
  tail_ = chunk;
}

void OutputQueue::append_body(SegmentPool& pool, Buffer* owner, Bytes body) {
  assert(tail_ != nullptr);
  Segment* reference = pool.reference(owner, body);
  tail_->next = reference;
  tail_ = reference;
  bytes_ += body.size();
}

size_t OutputQueue::gather(std::span<Iov> pieces) const {
  size_t count = 0;
  for (const Segment* s = head_; s != nullptr && count < pieces.size(); s = s->next) {
    pieces[count++] = {s->data + s->begin, s->end - s->begin};
  }
  return count;
}

void OutputQueue::consume(SegmentPool& pool, size_t size) {
  assert(size <= bytes_);
  bytes_ -= size;
  while (head_ != nullptr && size >= head_->end - head_->begin) {
    size -= head_->end - head_->begin;
    pool.release(std::exchange(head_, head_->next));
  }
  if (head_ == nullptr) {
    tail_ = nullptr;
  } else {
    head_->begin += static_cast<uint32_t>(size);
  }
}

void OutputQueue::own_bodies() {
  for (Segment* s = head_; s != nullptr; s = s->next) {
    const size_t size = s->end - s->begin;
    if (s->capacity != 0 || !pins_too_much(*s->owner.get(), size)) continue;
    BufferRef copy = Buffer::allocate(size);
    std::memcpy(copy->data(), s->data + s->begin, size);
    s->data = copy->data();
    s->begin = 0;
    s->end = static_cast<uint32_t>(size);
    s->owner = std::move(copy);
  }
}

void OutputQueue::drop_unbegun(SegmentPool& pool) {
  if (head_ == nullptr) return;
  if (head_->continues) return cut_after(pool, head_);
  uint32_t boundary = 0;
  while (boundary < head_->begin) boundary = frame_end(*head_, boundary);
  if (boundary == head_->begin) return clear(pool);
  if (boundary > head_->end) return cut_after(pool, head_->next);
  head_->end = boundary;
  cut_after(pool, head_);
}

void OutputQueue::cut_after(SegmentPool& pool, Segment* last) {
  tail_ = last;
  Segment* dropped = std::exchange(last->next, nullptr);
  while (dropped != nullptr) pool.release(std::exchange(dropped, dropped->next));
  bytes_ = 0;
  for (const Segment* s = head_; s != nullptr; s = s->next) bytes_ += s->end - s->begin;
}

size_t OutputQueue::count_frames(bool (*counts)(Bytes frame)) const {
  size_t frames = head_ != nullptr && head_->continues ? 1 : 0;
  for (const Segment* s = head_; s != nullptr; s = s->next) {
    if (s->continues) continue;
    for (uint32_t at = 0; at < s->end;) {
      const uint32_t end = frame_end(*s, at);
      if (end > s->begin && counts({s->data + at, s->end - at})) ++frames;
      at = end;
    }
  }
  return frames;
}

void OutputQueue::clear(SegmentPool& pool) {
  while (head_ != nullptr) pool.release(std::exchange(head_, head_->next));
  tail_ = nullptr;
  bytes_ = 0;
}

}  // namespace onehop::core
