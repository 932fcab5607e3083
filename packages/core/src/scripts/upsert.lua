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
local said = {} -- about a job -> what was read of it: many are told the same
for i = 1, list.jobs.count do
  local at = list.jobs.first + 3 * i - 3
  local about = ARGV[at + 1]
  local item = said[about]
  if not item then
    local expected, cursor, created, passed = string.match(about, '^(%S+) (%S+) (%S+) ?(.*)$')
    item = { expected = expected, cursor = cursor, first = tonumber(cursor), created = created, passed = passed ~= '' and passed }
    said[about] = item
  end
  ids[i], items[i] = ARGV[at], item
end
local function record_for(i) return ARGV[list.jobs.first + 3 * i - 1] end
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
local function miss_passed(job, item, old)
  if not item.passed or not old then return end
  local count, from, to, exact = string.match(item.passed, '^(%d+) (%d+) (%d+) (%d)$')
  local names = { 'all' }
  add_pauses_of_lane(names, old)
  add_pauses_of_job(names, job, old)
  look_at_pauses(names)
  local paused = pause_of_lane(old) or pause_of_job(job, old)
  local reason = redis.call('HGET', key.exhaustion, job) == 'full' and 'exhausted' or (paused and 'paused' or 'misfire')
  local detail = '{"reason":"' .. reason .. '","count":' .. count .. ',"to":' .. to .. (exact == '0' and ',"exact":false}' or '}')
  remember_job(job, entry(from, 0, now, 'm', 0, 0, '-', detail), '', '', now)
end

-- Whether the leader has written since what is said to have passed.
local function has_moved(job, item)
  if not item.passed then return false end
  local cursor = redis.call('ZSCORE', key.due, job) or redis.call('ZSCORE', key.frozen, job)
  return int(tonumber(cursor or 0)) ~= string.match(item.passed, '^%d+ (%d+)')
end

-- Plain jobs are written together: all that is kept of them stands in their records, and nothing that waits anywhere looks different by what
-- they have become.
local kept_elsewhere = { ac = true, rt = true, rf = true, pf = true, nt = true, dp = true, th = true }
local plain_extras = { [''] = true }
-- Whether runs may wait for a key, for other jobs' runs, or for the end of a pause.
local some_wait = holds_back or redis.call('EXISTS', key.limited, key.edges) > 0
local some_unstarted = redis.call('EXISTS', key.unstarted) == 1

local function is_plain(record)
  local known = plain_extras[record.extras]
  if known ~= nil then return known end
  known = true
  for name in string.gmatch(record.extras, ' (%l+)=') do if kept_elsewhere[name] then known = false end end
  plain_extras[record.extras] = known
  return known
end

local function is_plain_change(item, old, new)
  return not some_wait and not item.passed and item.cursor ~= 'none' and is_plain(old)
    and old.lane == new.lane and old.priority == new.priority and new.overlap ~= 'a' and new.overlap ~= 'r'
end

-- What was written of a former trigger, and has not started, goes.
local function drop_unstarted(job, old)
  while some_unstarted and take_back(job, old and old.lane, now) == TAKE do end
end

local write_plain, flush_plain
do
  local written, written_states, written_records, moved, cursors, sets = {}, {}, {}, {}, {}, {}

  function write_plain(job, item, record, new, since)
    local at = #written_states
    written[#written + 1] = job
    written_states[at + 1], written_states[at + 2] = job, new.version .. ' ' .. item.created .. ' ' .. since
    written_records[at + 1], written_records[at + 2] = job, record
    if arg.set ~= '' then sets[at + 1], sets[at + 2] = job, arg.set end
    local first = item.first
    if not first then return end
    at = #cursors
    moved[#moved + 1] = job
    cursors[at + 1], cursors[at + 2] = item.cursor, job
    if not soonest or first < soonest then soonest = first end
  end

  local function drop(command, name, jobs)
    if redis.call('EXISTS', name) == 1 then in_chunks(command, name, jobs, TAKE) end
  end

  function flush_plain()
    in_chunks('HSET', key.state, written_states, 2 * TAKE)
    in_chunks('HSET', key.jobs, written_records, 2 * TAKE)
    in_chunks('ZADD', key.due, cursors, 2 * TAKE)
    in_chunks('HSET', key.setOf, sets, 2 * TAKE)
    -- What a former trigger left, or somebody.
    drop('HDEL', key.paced, written)
    drop('HDEL', key.exhaustion, moved)
    drop('ZREM', key.parked, moved)
    drop('ZREM', key.frozen, moved)
  end
end

local function write_one(job, item, record, old, new, was_there, since)
  local first = item.first
  redis.call('HSET', key.state, job, new.version .. ' ' .. item.created .. ' ' .. since)
  redis.call('HSET', key.jobs, job, record)
  if arg.set ~= '' then redis.call('HSET', key.setOf, job, arg.set) end
  local interval = extra(new, 'ac')
  if interval then redis.call('HSET', key.paced, job, interval .. ':' .. former.number_of(job)) else redis.call('HDEL', key.paced, job) end
  follow_retention(job, was_there, old, new)
  if extra(new, 'rf') then redis.call('SADD', key.resumeNow, job)
  elseif was_there and (not old or extra(old, 'rf')) then redis.call('SREM', key.resumeNow, job) end
  if was_there and not extra(new, 'pf') and (not old or extra(old, 'pf')) then redis.call('HDEL', key.failing, job) end
  -- cursor: `keep`, `none`, or the first fire time of a trigger that is new
  if item.cursor ~= 'keep' then
    if was_there then drop_unstarted(job, old) end
    redis.call('ZREM', key.parked, job)
    miss_passed(job, item, old)
    if first then
      redis.call('ZADD', key.due, item.cursor, job)
      if not soonest or first < soonest then soonest = first end
    else redis.call('ZREM', key.due, job) end
    redis.call('ZREM', key.frozen, job)
    redis.call('HDEL', key.exhaustion, job)
  end
  if old then follow(job, old, new) end
  -- What held it back may not any more: it is looked at anew.
  if old and holds_back then release_from_pause(job, now) end
  tie(job, old, new)
end

for i, item in ipairs(items) do
  local job, was_there, first, version, since = ids[i], records[i], item.first, '0', ''
  if states[i] then version, since = string.match(states[i], '^(%S*) ?%S* ?(%d*)') end
  -- A first fire time that has come meanwhile may have started under the old trigger: it is to be computed again.
  if version ~= item.expected or (first and was_there and first <= now) or has_moved(job, item) then
    done[i] = '0'
  else
    done[i] = '1'
    tell((was_there and 'jobUpdated ' or 'jobAdded ') .. job)
    local record = record_for(i)
    local old, new = was_there and head_of(was_there) or nil, head_of(record)
    if not was_there then since = born elseif since == '' then since = '0' end
    if is_plain(new) and (was_there and old and is_plain_change(item, old, new) or not was_there and first) then
      if first and was_there then drop_unstarted(job, old) end
      write_plain(job, item, record, new, since)
    else write_one(job, item, record, old, new, was_there, since) end
  end
end
flush_plain()
retell(now)
if flush_lanes() then publish(int(now)) end
if soonest then publish('jobs ' .. int(soonest)) end
flush_events(now)
return answer_once(now, table.concat(done))
