-- Defines jobs, each only if its version is still the one that the definition was compared with (0: there is none).
local now = clock()
local before = answered_before(now)
if before then return before end
local refused = founded_otherwise()
if refused then return refused end
local stale = stale_set()
if stale then return stale end
step.begin('jobs', 'runs', 'unstarted')
local ids, items = {}, {}
for job, expected, record, cursor, created, passed, passed_from, passed_to, exact in each(list.jobs) do
  ids[#ids + 1] = job
  items[#items + 1] = { id = job, expected = expected, record = record, cursor = cursor, created = created,
    passed = tonumber(passed), passed_from = passed_from, passed_to = passed_to, exact = exact }
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
found()

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
  if item.passed == 0 or not old then return end
  local names = { 'all' }
  add_pauses_of_lane(names, old)
  add_pauses_of_job(names, item.id, old)
  look_at_pauses(names)
  local paused = pause_of_lane(old) or pause_of_job(item.id, old)
  local reason = redis.call('HGET', key.exhaustion, item.id) == 'full' and 'exhausted' or (paused and 'paused' or 'misfire')
  local detail = '{"reason":"' .. reason .. '","count":' .. int(item.passed) .. ',"to":' .. item.passed_to
    .. (item.exact == '0' and ',"exact":false}' or '}')
  remember_job(item.id, entry(item.passed_from, 0, now, 'm', 0, 0, '-', detail), '', '', now)
end

-- Whether the leader has written since what is said to have passed.
local function has_moved(item)
  if item.passed == 0 then return false end
  local cursor = redis.call('ZSCORE', key.due, item.id) or redis.call('ZSCORE', key.frozen, item.id)
  return int(tonumber(cursor or 0)) ~= item.passed_from
end

-- Jobs that are new, and of which nothing is to be kept anywhere else, are written together.
local new_states, new_records, new_cursors, new_ids, new_sets = {}, {}, {}, {}, {}

local function add(item, new)
  tell('jobAdded ' .. item.id)
  local at = #new_states
  new_ids[#new_ids + 1] = item.id
  new_states[at + 1], new_states[at + 2] = item.id, new.version .. ' ' .. item.created .. ' ' .. born
  new_records[at + 1], new_records[at + 2] = item.id, item.record
  new_cursors[at + 1], new_cursors[at + 2] = item.cursor, item.id
  if arg.set ~= '' then new_sets[at + 1], new_sets[at + 2] = item.id, arg.set end
  local first = tonumber(item.cursor)
  if not soonest or first < soonest then soonest = first end
end

local function write_new()
  if #new_ids == 0 then return end
  in_chunks('HSET', key.state, new_states, 2 * TAKE)
  in_chunks('HSET', key.jobs, new_records, 2 * TAKE)
  in_chunks('ZADD', key.due, new_cursors, 2 * TAKE)
  if #new_sets > 0 then in_chunks('HSET', key.setOf, new_sets, 2 * TAKE) end
  -- Whatever somebody has left there.
  for _, name in ipairs({ key.paced, key.exhaustion }) do in_chunks('HDEL', name, new_ids, TAKE) end
  for _, name in ipairs({ key.parked, key.frozen }) do in_chunks('ZREM', name, new_ids, TAKE) end
end

for i, item in ipairs(items) do
  local version = string.match(states[i] or '0', '^%S+')
  local first = tonumber(item.cursor)
  local fresh = not records[i] and version == item.expected and first and parse(item.record)
  -- A first fire time that has come meanwhile may have started under the old trigger: it is to be computed again.
  if version ~= item.expected or (first and records[i] and first <= now) or has_moved(item) then
    done[i] = '0'
  elseif fresh and fresh.extras == '' then
    done[i] = '1'
    add(item, fresh)
  else
    local old, new = parse(records[i] or ''), parse(item.record)
    done[i] = '1'
    tell((records[i] and 'jobUpdated ' or 'jobAdded ') .. item.id)
    local since = records[i] and (string.match(states[i] or '', '^%S+ %S+ (%d+)') or '0') or born
    redis.call('HSET', key.state, item.id, string.match(item.record, '^%S+') .. ' ' .. item.created .. ' ' .. since)
    redis.call('HSET', key.jobs, item.id, item.record)
    if arg.set ~= '' then redis.call('HSET', key.setOf, item.id, arg.set) end
    local interval = extra(parse(item.record), 'ac')
    if interval then redis.call('HSET', key.paced, item.id, interval .. ':' .. former.number_of(item.id)) else redis.call('HDEL', key.paced, item.id) end
    follow_retention(item.id, records[i], old, new)
    if extra(new, 'rf') then redis.call('SADD', key.resumeNow, item.id)
    elseif records[i] and (not old or extra(old, 'rf')) then redis.call('SREM', key.resumeNow, item.id) end
    if records[i] and not extra(new, 'pf') and (not old or extra(old, 'pf')) then redis.call('HDEL', key.failing, item.id) end
    -- cursor: `keep`, `none`, or the first fire time of a trigger that is new
    if item.cursor ~= 'keep' then
      while records[i] and take_back(item.id, old and old.lane, now) == TAKE do end
      redis.call('ZREM', key.parked, item.id)
      miss_passed(item, old)
      if item.cursor == 'none' then
        redis.call('ZREM', key.due, item.id)
        redis.call('ZREM', key.frozen, item.id)
        redis.call('HDEL', key.exhaustion, item.id)
      else
        redis.call('ZADD', key.due, item.cursor, item.id)
        redis.call('ZREM', key.frozen, item.id)
        redis.call('HDEL', key.exhaustion, item.id)
        if not soonest or first < soonest then soonest = first end
      end
    end
    if old then follow(item.id, old, new) end
    -- What held it back may not any more: it is looked at anew.
    if old and holds_back then release_from_pause(item.id, now) end
    tie(item.id, old, new)
  end
end
retell(now)
write_new()
if flush_lanes() then publish(int(now)) end
if soonest then publish('jobs ' .. int(soonest)) end
flush_events(now)
return answer_once(now, table.concat(done))
