-- Ready runs, by lane: gathered while a step goes on, written at its end.

local lanes_added, lanes_removed = {}, {}
-- Runs that may start although their lane is paused stand before all others in it: the first score of a lane tells whether there are such.
local FORCED = 1024 -- as many steps of priority; a job's is at most 1000
local FORCED_BELOW = -1000 * PRIORITY
local any_forced = false -- whether one has become ready in this step
local function lane_key(lane) return arg.prefix .. 'ready:' .. lane end

local function place(lane, score, run)
  local items = lanes_added[lane]
  if not items then items = {}; lanes_added[lane] = items end
  items[#items + 1] = int(score)
  items[#items + 1] = run
  if score < FORCED_BELOW then any_forced = true end
end

-- The same of several, none of which is by force.
local function place_all(lane, score, runs)
  if #runs == 0 then return end
  local items = lanes_added[lane]
  if not items then items = {}; lanes_added[lane] = items end
  local text, size = int(score), #items
  for i, run in ipairs(runs) do items[size + 2 * i - 1], items[size + 2 * i] = text, run end
end

local function make_ready(lane, priority, time, run)
  place(lane, time - (is_forced(run) and FORCED or priority) * PRIORITY, run)
end

local function leave_lane(lane, run)
  local items = lanes_removed[lane]
  if not items then items = {}; lanes_removed[lane] = items end
  items[#items + 1] = run
end

local function in_chunks(command, name, items, size)
  for i = 1, #items, size do
    redis.call(command, name, unpack(items, i, math.min(i + size - 1, #items)))
  end
end

local function update_head(lane)
  local head = redis.call('ZRANGE', lane_key(lane), 0, 0, 'WITHSCORES')
  if head[1] then redis.call('ZADD', key.ready, head[2], lane) else redis.call('ZREM', key.ready, lane) end
end

-- Of runs with their scores, those that this step has not taken back or ended since.
local function still_there(items)
  if not next(dropped) then return items end
  local left = {}
  for i = 1, #items, 2 do
    if not dropped[items[i + 1]] then left[#left + 1] = items[i]; left[#left + 1] = items[i + 1] end
  end
  return left
end

-- Writes what make_ready and leave_lane gathered. Answers whether a lane has runs now that was empty, or, as one that is paused, may look so.
local function flush_lanes()
  local woken = any_forced
  any_forced = false
  for lane, items in pairs(lanes_removed) do in_chunks('ZREM', lane_key(lane), items, TAKE) end
  for lane, items in pairs(lanes_added) do
    local added = still_there(items)
    if #added > 0 and not redis.call('ZSCORE', key.ready, lane) then woken = true end
    in_chunks('ZADD', lane_key(lane), added, TAKE)
    update_head(lane)
  end
  for lane in pairs(lanes_removed) do if not lanes_added[lane] then update_head(lane) end end
  lanes_added, lanes_removed = {}, {}
  return woken
end
