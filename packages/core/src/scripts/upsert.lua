-- Defines jobs, each only if its version is still the one that the definition was compared with (0: there is none).
local now = clock()
local before = answered_before(now)
if before then return before end
local stale = stale_set()
if stale then return stale end
step.begin('jobs', 'runs', 'unstarted')
local ids, items = {}, {}
for job, about, record in each(list.jobs) do
  local expected, cursor, created, passed = string.match(about, '^(%S+) (%S+) (%S+) ?(.*)$')
  ids[#ids + 1] = job
  items[#items + 1] = { id = job, expected = expected, record = record, cursor = cursor, created = created, passed = passed ~= '' and passed }
end
local states = redis.call('HMGET', key.state, unpack(ids))
local records = redis.call('HMGET', key.jobs, unpack(ids))
local done, soonest = {}, nil
-- By this number what is claimed of a new job is told from what was claimed before. Clients may only read the key: it is no declared one.
local born = int(tonumber(redis.call('GET', arg.prefix .. 'fence') or 0) + 1)
local holds_back = redis.call('EXISTS', key.paused, key.frozen) > 0
if arg.set ~= '' then
  for i, owner in ipairs(redis.call('HMGET', key.setOf, unpack(ids))) do
    if owner and owner ~= arg.set and records[i] then
      return refuse('JOB_OF_ANOTHER_SET', 'Job ' .. ids[i] .. ' belongs to the set ' .. owner .. ', not to ' .. arg.set .. '.')
    end
  end
end

-- Queued runs of a job follow it into another lane or place; those that wait for a key are looked at again by what it is now, and
-- those that wait for each other need not any more once runs may overlap.
local function follow(job, old, new)
  local moves = old.lane ~= new.lane or old.priority ~= new.priority
  local waits = redis.call('EXISTS', key.limited) == 1
  for _, index in ipairs((moves or waits) and { key.unstarted, key.requeued } or {}) do
    local page, runs = 0, nil
    repeat
      runs = redis.call('ZRANGEBYLEX', index, '[' .. job .. '@', '(' .. job .. '@~', 'LIMIT', page * TAKE, TAKE)
      local scores = moves and #runs > 0 and redis.call('ZMSCORE', lane_key(old.lane), unpack(runs)) or {}
      local names = waits and #runs > 0 and redis.call('HMGET', key.limited, unpack(runs)) or {}
      for i, run in ipairs(runs) do
        if scores[i] then leave_lane(old.lane, run) end
        if names[i] then leave_queue_of_key({ run }) end
        if scores[i] or names[i] then make_ready(new.lane, new.priority, fire_time_of(run), run) end
      end
      page = page + 1
    until #runs < TAKE
  end
  while new.overlap == 'a' or new.overlap == 'r' do
    local runs = redis.call('ZRANGEBYLEX', key.blocked, '[' .. job .. '@', '(' .. job .. '@~', 'LIMIT', 0, TAKE)
    if #runs == 0 then break end
    redis.call('ZREM', key.blocked, unpack(runs))
    for _, run in ipairs(runs) do make_ready(new.lane, new.priority, fire_time_of(run), run) end
  end
end

-- What is kept of a job's runs. Its lists stay for as long as they would with what is added to them from now on.
local function follow_retention(job, record, old, new)
  local kept, former = extra(new, 'rt'), old and extra(old, 'rt')
  if kept then
    redis.call('HSET', key.retention, job, kept)
    local age = string.match(kept, '^%S-:%S-:(%d+):')
    if record and age and kept ~= former then
      for _, name in ipairs({ 'history:', 'failures:', 'results:' }) do redis.call('PEXPIRE', arg.prefix .. name .. job, age) end
    end
  elseif record and (former or not old) then redis.call('HDEL', key.retention, job) end
end

-- Fire times of a former trigger that have come and were not written, held back by a pause or by a leader that is behind, or since as many as
-- its maxRuns have started: nobody will any more.
local function miss_passed(item, old)
  if not item.passed or not old then return end
  local count, from, to, exact = string.match(item.passed, '^(%d+) (%d+) (%d+) (%d)$')
  local names = { 'all' }
  add_pauses_of_lane(names, old)
  add_pauses_of_job(names, item.id, old)
  look_at_pauses(names)
  local paused = pause_of_lane(old) or pause_of_job(item.id, old)
  local reason = redis.call('HGET', key.exhaustion, item.id) == 'full' and 'exhausted' or (paused and 'paused' or 'misfire')
  local detail = '{"reason":"' .. reason .. '","count":' .. count .. ',"to":' .. to .. (exact == '0' and ',"exact":false}' or '}')
  remember_job(item.id, entry(from, 0, now, 'm', 0, 0, '-', detail), '', '', now)
end

-- Whether the leader has written since what is said to have passed.
local function has_moved(item)
  if not item.passed then return false end
  local cursor = redis.call('ZSCORE', key.due, item.id) or redis.call('ZSCORE', key.frozen, item.id)
  return int(tonumber(cursor or 0)) ~= string.match(item.passed, '^%d+ (%d+)')
end

-- What was written of a former trigger, and has not started, goes.
local function drop_unstarted(job, old)
  while take_back(job, old and old.lane, now) == TAKE do end
end

-- Plain jobs are written together: all that is kept of them stands in their records, and nothing that waits anywhere looks different by what
-- they have become.
local plain = { states = {}, records = {}, cursors = {}, moved = {}, written = {}, sets = {} }
local kept_elsewhere = { ac = true, rt = true, rf = true, pf = true, nt = true, dp = true, th = true }
local plain_extras = { [''] = true }
-- Whether runs may wait for a key, for other jobs' runs, or for the end of a pause.
local some_wait = holds_back or redis.call('EXISTS', key.limited, key.edges) > 0

local function is_plain(record)
  local known = plain_extras[record.extras]
  if known ~= nil then return known end
  known = true
  for name in string.gmatch(record.extras, ' (%l+)=') do if kept_elsewhere[name] then known = false end end
  plain_extras[record.extras] = known
  return known
end

local function is_plain_change(item, old, new)
  return not item.passed and not some_wait and is_plain(old) and item.cursor ~= 'none'
    and old.lane == new.lane and old.priority == new.priority and new.overlap ~= 'a' and new.overlap ~= 'r'
end

local function write_plain(item, since)
  local at, id = #plain.states, item.id
  plain.written[#plain.written + 1] = id
  plain.states[at + 1], plain.states[at + 2] = id, string.match(item.record, '^%S+') .. ' ' .. item.created .. ' ' .. since
  plain.records[at + 1], plain.records[at + 2] = id, item.record
  if arg.set ~= '' then plain.sets[at + 1], plain.sets[at + 2] = id, arg.set end
  local first = tonumber(item.cursor)
  if not first then return end
  at = #plain.cursors
  plain.moved[#plain.moved + 1] = id
  plain.cursors[at + 1], plain.cursors[at + 2] = item.cursor, id
  if not soonest or first < soonest then soonest = first end
end

local function flush_plain()
  if #plain.written == 0 then return end
  in_chunks('HSET', key.state, plain.states, 2 * TAKE)
  in_chunks('HSET', key.jobs, plain.records, 2 * TAKE)
  in_chunks('HSET', key.setOf, plain.sets, 2 * TAKE)
  in_chunks('ZADD', key.due, plain.cursors, 2 * TAKE)
  -- What a former trigger left, or somebody.
  in_chunks('HDEL', key.paced, plain.written, TAKE)
  in_chunks('HDEL', key.exhaustion, plain.moved, TAKE)
  for _, name in ipairs({ key.parked, key.frozen }) do in_chunks('ZREM', name, plain.moved, TAKE) end
end

local function write_one(item, old, new, was_there, since)
  local first = tonumber(item.cursor)
  redis.call('HSET', key.state, item.id, string.match(item.record, '^%S+') .. ' ' .. item.created .. ' ' .. since)
  redis.call('HSET', key.jobs, item.id, item.record)
  if arg.set ~= '' then redis.call('HSET', key.setOf, item.id, arg.set) end
  local interval = extra(new, 'ac')
  if interval then redis.call('HSET', key.paced, item.id, interval .. ':' .. former.number_of(item.id)) else redis.call('HDEL', key.paced, item.id) end
  follow_retention(item.id, was_there, old, new)
  if extra(new, 'rf') then redis.call('SADD', key.resumeNow, item.id)
  elseif was_there and (not old or extra(old, 'rf')) then redis.call('SREM', key.resumeNow, item.id) end
  if was_there and not extra(new, 'pf') and (not old or extra(old, 'pf')) then redis.call('HDEL', key.failing, item.id) end
  -- cursor: `keep`, `none`, or the first fire time of a trigger that is new
  if item.cursor ~= 'keep' then
    if was_there then drop_unstarted(item.id, old) end
    redis.call('ZREM', key.parked, item.id)
    miss_passed(item, old)
    if first then
      redis.call('ZADD', key.due, item.cursor, item.id)
      if not soonest or first < soonest then soonest = first end
    else redis.call('ZREM', key.due, item.id) end
    redis.call('ZREM', key.frozen, item.id)
    redis.call('HDEL', key.exhaustion, item.id)
  end
  if old then follow(item.id, old, new) end
  -- What held it back may not any more: it is looked at anew.
  if old and holds_back then release_from_pause(item.id, now) end
  tie(item.id, old, new)
end

for i, item in ipairs(items) do
  local was_there, first = records[i], tonumber(item.cursor)
  local version, since = string.match(states[i] or '0', '^(%S+) ?%S* ?(%d*)')
  -- A first fire time that has come meanwhile may have started under the old trigger: it is to be computed again.
  if version ~= item.expected or (first and was_there and first <= now) or has_moved(item) then
    done[i] = '0'
  else
    done[i] = '1'
    tell((was_there and 'jobUpdated ' or 'jobAdded ') .. item.id)
    local old, new = was_there and parse(was_there) or nil, parse(item.record)
    since = not was_there and born or (since == '' and '0' or since)
    if not is_plain(new) or (was_there and not (old and is_plain_change(item, old, new))) or not (was_there or first) then
      write_one(item, old, new, was_there, since)
    else
      if was_there and first then drop_unstarted(item.id, old) end
      write_plain(item, since)
    end
  end
end
flush_plain()
retell(now)
if flush_lanes() then publish(int(now)) end
if soonest then publish('jobs ' .. int(soonest)) end
flush_events(now)
return answer_once(now, table.concat(done))
