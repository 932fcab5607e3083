-- Runs that others of higher priority have kept waiting for long move up in their lane: each tenth place from its front is given to one of them, of each
-- priority in turn. So a lane that never empties gives a tenth of its starts to them, and all others by priority.
--
-- `aged:<lane>` has those that were moved up and have not left the lane yet: they stand in the first of these places.
local now = clock()
local epoch = redis.call('GET', key.epoch)
if epoch ~= arg.epoch then return refuse('STALE_EPOCH', 'The term ' .. arg.epoch .. ' is over; the latest is ' .. (epoch or 'none') .. '.') end
step.begin()

local APART, CLASSES, before, most = 10, 50, now - tonumber(arg.waited), tonumber(arg.most)

-- A run's score is its time less so many times 2^42 as it has priority; times are below that.
local function class_of(score) return math.floor(score / PRIORITY) end
local function time_of(score) return score % PRIORITY end

-- Of a lane, the first runs from a score on, as far as there is a time in their score.
local function first_of(lane, from, count)
  local items, found = redis.call('ZRANGE', lane, int(from), '(inf', 'BYSCORE', 'LIMIT', 0, count, 'WITHSCORES'), {}
  for i = 1, #items, 2 do found[#found + 1] = { run = items[i], score = tonumber(items[i + 1]) } end
  return found
end

-- Adds those of the next classes from one on whose first runs have waited too long. The last one that was looked at, if there may be more.
local function add_late_classes(lane, class, late)
  for _ = 1, CLASSES do
    local head = first_of(lane, class * PRIORITY, 1)[1]
    if not head then return nil end
    class = class_of(head.score)
    if time_of(head.score) <= before then late[#late + 1] = class end
    class = class + 1
  end
  return class
end

-- The classes below the first one whose first runs have waited too long. Of very many the next ones, and so many from a place on that moves with time.
local function late_classes(lane)
  local late, first = {}, first_of(lane, FORCED_BELOW, 1)[1]
  local class = first and add_late_classes(lane, class_of(first.score) + 1, late)
  local last = class and redis.call('ZRANGE', lane, '(inf', int(class * PRIORITY), 'BYSCORE', 'REV', 'LIMIT', 0, 1, 'WITHSCORES')[2]
  if last then
    local others = class_of(tonumber(last)) - class + 1
    add_late_classes(lane, class + 37 * math.floor(now / 10000) % others, late)
  end
  return late
end

-- Runs of these classes that have waited too long, of each class in turn, so that none of them takes it all; those of a class by their times.
local function kept_waiting(lane, count)
  local late, classes = {}, late_classes(lane)
  local pages, most = {}, math.ceil(count * math.min(1, 10 / #classes))
  for i, class in ipairs(classes) do
    pages[i] = {}
    for _, item in ipairs(first_of(lane, class * PRIORITY, most)) do
      if class_of(item.score) ~= class or time_of(item.score) > before then break end
      table.insert(pages[i], item)
    end
  end
  local turn = math.floor(now / 10000) -- another class is the first at each look
  for at = 1, most do
    for i = 1, #pages do late[#late + 1] = pages[(i + turn) % #pages + 1][at] end
  end
  return late
end

-- How many of those that were moved up before still stand in the lane.
local function still_there(lane, aged)
  local runs, gone = redis.call('ZRANGE', aged, 0, -1), {}
  if #runs == 0 then return 0 end
  for i, score in ipairs(redis.call('ZMSCORE', lane, unpack(runs))) do if not score then gone[#gone + 1] = runs[i] end end
  if #gone > 0 then redis.call('ZREM', aged, unpack(gone)) end
  return #runs - #gone
end

-- How many runs start by force, and how many of the highest priority come behind them.
local function front_of(lane)
  local forced, first = redis.call('ZCOUNT', lane, '-inf', '(' .. int(FORCED_BELOW)), first_of(lane, FORCED_BELOW, 1)[1]
  if not first then return forced, 0 end
  return forced, redis.call('ZCOUNT', lane, int(FORCED_BELOW), '(' .. int((class_of(first.score) + 1) * PRIORITY))
end

-- Where there are not ten of the highest priority one is moved up at a time: behind those that are there now, and before whatever comes.
local function move_up(lane, aged)
  local before_them = still_there(lane, aged)
  if before_them >= most then return 0 end
  local moved, forced, first = 0, front_of(lane)
  for i, item in ipairs(first > 0 and kept_waiting(lane, most) or {}) do
    local tenth = APART * (before_them + i)
    if before_them + i > most or (tenth > first and before_them + i > 1) then break end
    local place = forced + math.min(tenth, first) - 1
    redis.call('ZADD', lane, redis.call('ZRANGE', lane, place, place, 'WITHSCORES')[2], item.run)
    redis.call('ZADD', aged, 0, item.run)
    moved, first = moved + 1, first + 1
  end
  if moved > 0 then redis.call('PEXPIRE', aged, 3600000) end
  return moved
end

local page, moved = redis.call('ZSCAN', key.ready, arg.cursor, 'COUNT', tonumber(arg.page)), 0
for i = 1, #page[2], 2 do
  local name = page[2][i]
  moved = moved + move_up(lane_key(name), arg.prefix .. 'aged:' .. name)
end
return { int(now), page[1], moved }
