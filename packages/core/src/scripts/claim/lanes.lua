-- Lanes that this node serves, read a page at a time, the first run of all of them first.

local lanes = {}

-- How many runs of each lane are read at a time: what is read of many lanes is for the most part left there.
local function page_of(count, most)
  return math.min(most, math.max(math.ceil(TAKE / count), 10))
end

local function read_lane(lane, size)
  local items = lane.by_force
    and redis.call('ZRANGE', lane_key(lane.name), '-inf', '(' .. int(FORCED_BELOW), 'BYSCORE', 'LIMIT', lane.offset, size, 'WITHSCORES')
    or redis.call('ZRANGE', lane_key(lane.name), lane.offset, lane.offset + size - 1, 'WITHSCORES')
  lane.offset, lane.at, lane.runs, lane.scores = lane.offset + size, 1, {}, {}
  lane.last = #items < 2 * size
  for i = 1, #items, 2 do
    lane.runs[#lane.runs + 1] = items[i]
    lane.scores[#lane.scores + 1] = tonumber(items[i + 1])
  end
  if #lane.runs == 0 then lane.ended = true; return end
  lane.records = records_of(lane.runs)
  look_at_jobs(lane.runs, lane.records)
  lane.attempts = redis.call('EXISTS', key.attempts) == 1 and redis.call('HMGET', key.attempts, unpack(lane.runs)) or {}
  lane.unstarted = redis.call('ZMSCORE', key.unstarted, unpack(lane.runs))
end

local function first_score(lane) return not lane.ended and not lane.by_force and lane.scores[lane.at] or nil end

-- The lane of which a run is next, after so many others.
local function next_lane(size, count)
  local best
  for _, lane in ipairs(lanes) do
    if not lane.ended and lane.at > #lane.runs then
      if lane.last then lane.ended = true else read_lane(lane, size) end
    end
    if not lane.ended and lane.scopes and full(lane) == 'w' then lane.ended = true end
    if not lane.ended and lane.rates and rated.is_too_fast(lane) then lane.ended = true end
    if not lane.ended and (not best or lane.scores[lane.at] < best.scores[best.at]) then best = lane end
  end
  if not best or not kept_waiting.is_next(count) then return best end
  return kept_waiting.lane_of(lanes, first_score, best.scores[best.at], count) or best
end
