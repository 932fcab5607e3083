-- Proves that each run stands where it should, a page of an index at a time, and mends what does not: what a store that lost writes, a hand
-- that deleted a key, or a fault of ours has left behind. Each mend is counted in `mended` and told.
--
-- What a page takes depends on its items, not on how many lanes there are: a run is looked for in the lane that its record names, and whatever a
-- lane holds is compared with that when the lane is gone through. Its parts, put before it: sweep/held, places, pages.
local now = clock()
local epoch = redis.call('GET', key.epoch)
if epoch ~= arg.epoch then return refuse('STALE_EPOCH', 'The term ' .. arg.epoch .. ' is over; the latest is ' .. (epoch or 'none') .. '.') end
step.begin('jobs', 'runs', 'unstarted')

local mended, lost = {}, {}
local function mend(subject, what)
  mended[#mended + 1] = subject; mended[#mended + 1] = what
  redis.call('HINCRBY', key.mended, what, 1)
  tell('mended ' .. subject .. ' ' .. what)
end

-- First of all, whatever is looked at: somebody took a node off the list, and what it holds would seem to stand nowhere. It is taken over, as of
-- any dead node.
local function declare_unlisted()
  local known = redis.call('HKEYS', key.nodeInfo)
  for first = 1, #known, 1000 do -- no more than Lua can hand over at once
    local some = { unpack(known, first, math.min(first + 999, #known)) }
    local leases, dead = redis.call('ZMSCORE', key.nodes, unpack(some)), redis.call('ZMSCORE', key.dead, unpack(some))
    for i, node in ipairs(some) do
      if not leases[i] and not dead[i] then
        redis.call('ZADD', key.dead, int(now), node)
        mend(node, 'node without a lease')
      end
    end
  end
end
declare_unlisted()

local function queue(run, record)
  local at = due_time_of(run, record, now)
  if at > now then redis.call('ZADD', key.waiting, int(at), run)
  else make_ready(record.lane, record.priority, at, run) end
end

-- Takes runs out of the places where they are queued, from one on.
local function leave(run, places, first)
  for i = first, #places do
    places[i].take()
    mend(run, 'in two places')
  end
end

-- Nothing is kept of a run of which nobody knows any more what it is.
local function drop(run)
  redis.call('ZREM', key.unstarted, run)
  redis.call('ZREM', key.requeued, run)
  redis.call('HDEL', key.runs, run)
  redis.call('HDEL', key.attempts, run)
end

-- What a node holds is listed among what is queued.
local function unlist(run, index)
  redis.call('ZREM', key[index], run)
  mend(run, 'queued and running')
end

-- Runs that have not ended, by the index that lists them: each stands in one place.
local function check_runs(runs, index)
  local records = records_of(runs)
  local places = places_of(runs, records)
  for _, run in ipairs(runs) do
    local here = places[run]
    if here[1] and here[1].name == 'active' and index ~= 'runs' then unlist(run, index) end
    leave(run, here, 2)
    if not here[1] then
      if records[run] then queue(run, records[run]) else drop(run) end
      mend(run, 'in no place')
    end
  end
end

-- Entries of a hash about runs that should be held by a node, or (`queued`) be queued.
local function strays(runs, queued)
  local places, held, gone = queued and places_of(runs, records_of(runs)), not queued and held_among(runs), {}
  for _, run in ipairs(runs) do
    if (places and #places[run] == 0) or (held and not held[run]) then gone[#gone + 1] = run end
  end
  return gone
end

local check = {}
function check.unstarted(runs) check_runs(runs, 'unstarted') end
function check.requeued(runs) check_runs(runs, 'requeued') end
function check.runs(runs) check_runs(runs, 'runs') end

-- What nodes hold is not queued.
function check.active(runs)
  local places = queued_places(runs, records_of(runs))
  for _, index in ipairs({ 'unstarted', 'requeued' }) do
    local scores = redis.call('ZMSCORE', key[index], unpack(runs))
    for i, run in ipairs(runs) do if scores[i] then unlist(run, index) end end
  end
  for _, run in ipairs(runs) do leave(run, places[run], 1) end
end
check.dying = check.active

-- Whether a job's run in a lane would start though it is not listed as queued: one of a fire time that has not started would not, it was taken back.
local function would_start(run)
  return not is_fire_time(run) or (attempt_of(redis.call('HGET', key.attempts, run)) or 1) > 1
end

-- A run in a lane that its record does not name, or that is not listed as queued. `places`: where it is queued.
local function settle_in_lane(run, lane, record, listed, held, places)
  if not record and has_text(run) then return end
  if record and not listed and not held and would_start(run) then
    mark_requeued(run)
    mend(run, 'queued and not listed')
    listed = true
  end
  local is_own, elsewhere = record and record.lane == lane, held
  if is_own and listed then return end
  for _, place in ipairs(places) do if not is_own or place.name ~= 'ready' then elsewhere = true end end
  leave_lane(lane, run)
  if elsewhere then mend(run, 'in two places')
  elseif listed and record then
    queue(run, record)
    mend(run, 'in another lane')
  else
    drop(run)
    mend(run, 'no run in a lane')
  end
end

function check.lanes(runs, lanes)
  local records, odd, of, listed = records_of(runs), {}, {}, {}
  local unstarted, requeued = redis.call('ZMSCORE', key.unstarted, unpack(runs)), redis.call('ZMSCORE', key.requeued, unpack(runs))
  for i, run in ipairs(runs) do
    local record = records[run]
    listed[run] = not job_of(run) or unstarted[i] or requeued[i]
    if not record or record.lane ~= lanes[i] or not listed[run] then odd[#odd + 1], of[#of + 1] = run, lanes[i] end
  end
  if #odd == 0 then return end
  local held, places = held_among(odd), queued_places(odd, records)
  for i, run in ipairs(odd) do settle_in_lane(run, of[i], records[run], listed[run], held[run], places[run]) end
end

function check.attempts(runs)
  for _, run in ipairs(strays(runs, true)) do redis.call('HDEL', key.attempts, run); mend(run, 'attempts of no run') end
end
function check.progress(runs)
  for _, run in ipairs(strays(runs)) do redis.call('HDEL', key.progress, run); mend(run, 'progress of no run') end
end
function check.holds(runs)
  for _, run in ipairs(strays(runs)) do release_places({ run }); mend(run, 'place of no run') end
end

function check.running(jobs, texts)
  local runs, of = {}, {}
  for i, job in ipairs(jobs) do
    runs[i] = string.match(texts[i], '^%S+')
    of[runs[i]] = job
  end
  for _, run in ipairs(strays(runs, true)) do
    redis.call('HDEL', key.running, of[run])
    unblock(of[run])
    mend(run, 'running nowhere')
  end
end

function check.blocked(runs)
  for _, run in ipairs(runs) do
    local job = job_of(run)
    if redis.call('HEXISTS', key.running, job) == 0 then
      local ready = redis.call('ZRANGEBYLEX', key.requeued, '[' .. job .. '@', '(' .. job .. '@~', 'LIMIT', 0, 100)
      for _, one in ipairs(redis.call('ZRANGEBYLEX', key.unstarted, '[' .. job .. '@', '(' .. job .. '@~', 'LIMIT', 0, 100)) do ready[#ready + 1] = one end
      local going = false
      for _, one in ipairs(ready) do
        if not redis.call('ZSCORE', key.blocked, one) and not redis.call('ZSCORE', key.waiting, one) then going = true end
      end
      if not going then unblock(job); mend(run, 'waiting for nothing') end
    end
  end
end

function check.limited(runs, names)
  local seen = {}
  for i, run in ipairs(runs) do
    local name = names[i]
    if not redis.call('ZSCORE', full_key(name), run) then
      redis.call('HDEL', key.limited, run)
      mend(run, 'waiting for no key')
    end
    -- Places of that key that nobody holds.
    local held = seen[name] and {} or redis.call('SRANDMEMBER', held_key('key:' .. name), 100)
    seen[name] = true
    local scopes = #held > 0 and redis.call('HMGET', key.holds, unpack(held)) or {}
    for at, holder in ipairs(held) do
      if not scopes[at] then
        redis.call('SREM', held_key('key:' .. name), holder)
        freed = true
        mend(holder, 'place of no run')
      end
    end
  end
end

-- While there are pauses to watch, what they held back may be about to be let go: then it is no fault.
local watched = redis.call('EXISTS', key.pauses) == 1

function check.paused(runs)
  local records, names = records_of(runs), {}
  for _, run in ipairs(runs) do
    local record = records[run]
    if record then
      add_pauses_of_job(names, job_of(run), record)
    end
  end
  look_at_pauses(names)
  local function waits_for_more(job)
    local cursor = redis.call('ZSCORE', key.due, job) or redis.call('ZSCORE', key.frozen, job)
    return (cursor and tonumber(cursor) <= now) or redis.call('HGET', key.exhaustion, job) == 'full'
  end
  for _, run in ipairs(runs) do
    local job, record = job_of(run), records[run]
    local waits = record and (pause_of_job(job, record) or waits_for_more(job))
    if record and not waits and redis.call('ZREM', key.paused, run) == 1 then
      make_ready(record.lane, record.priority, fire_time_of(run), run)
      -- That a job was parked meanwhile is no fault either.
      if not watched and not redis.call('ZSCORE', key.parked, job) then mend(run, 'held back by nothing') end
    end
  end
end

-- The records of jobs by id, and a look at the pauses that could hold them: those of one job each by themselves, since they are the most and mostly not there.
local function read_and_look(jobs, texts)
  local names, own, records = { 'all' }, {}, {}
  for i, job in ipairs(jobs) do
    local record = parse(texts[i] or '')
    if record then
      records[job] = record
      add_pauses_of_lane(names, record)
      for tag in string.gmatch(extra(record, 'tg') or '', '[^,]+') do names[#names + 1] = 'tag:' .. tag end
      own[#own + 1] = 'job:' .. job
    end
  end
  look_at_pauses(names)
  look_at_pauses(own)
  for _, name in ipairs(own) do names[#names + 1] = name end
  return records, names
end

-- Those of these names that have been noticed already.
local function noticed_among(names)
  local known = {}
  for from = 1, #names, TAKE do
    local to = math.min(from + TAKE - 1, #names)
    local texts = redis.call('HMGET', key.pauses, unpack(names, from, to))
    for i = from, to do known[names[i]] = texts[i - from + 1] and true or nil end
  end
  return known
end

-- Makes sure that it is known what each of these pauses holds back.
local function note_held(names, held)
  local known = noticed_among(names)
  for _, name in ipairs(names) do
    local jobs = held[name]
    local listed = name ~= 'job:' .. jobs[1] and redis.call('SMISMEMBER', arg.prefix .. 'paused-by:' .. name, unpack(jobs))
    for i, job in ipairs(jobs) do
      if not known[name] or (listed and listed[i] == 0) then note_paused_job(job, name, now) end
    end
  end
end

-- Jobs that are put aside: under a pause of whose end the leader will hear, or they go on.
function check.frozen(jobs)
  local records, over = read_and_look(jobs, redis.call('HMGET', key.jobs, unpack(jobs))), redis.call('HMGET', key.exhaustion, unpack(jobs))
  local held, held_names = {}, {}
  for i, job in ipairs(jobs) do
    local record = records[job]
    local name = record and (pause_of_lane(record) or pause_of_job(job, record))
    if record and over[i] == 'full' then
      ended_jobs[job] = true -- it is looked at whether one of its last runs goes on
    elseif name then
      if not held[name] then
        held[name] = {}
        held_names[#held_names + 1] = name
      end
      held[name][#held[name] + 1] = job
    elseif record then
      release_from_pause(job, now)
      if not watched then mend(job, 'put aside by nothing') end
    end
  end
  note_held(held_names, held)
end

function check.deadLetters(runs, texts)
  for i, run in ipairs(runs) do
    local of = string.match(texts[i], '^%S+ (%S+)')
    if of and not redis.call('ZSCORE', arg.prefix .. 'dead-letters:' .. of, run) then
      redis.call('ZADD', arg.prefix .. 'dead-letters:' .. of, int(now), run)
      mend(run, 'dead letter in no queue')
    end
  end
end

-- Pauses that hold nothing back yet are told of all the same.
local function notice_pauses(jobs, texts)
  local _, names = read_and_look(jobs, texts)
  local seen, there = {}, {}
  for _, name in ipairs(names) do
    if pause_seen[name] and not seen[name] then
      seen[name] = true
      there[#there + 1] = name
    end
  end
  local known = noticed_among(there)
  for _, name in ipairs(there) do if not known[name] then note_pause(name, now) end end
end

-- Jobs that nothing would ever make fire again. Their next fire time has to be computed: the caller hands it in with its next call.
function check.jobs(jobs, texts)
  notice_pauses(jobs, texts)
  local function scores(name) return redis.call('ZMSCORE', key[name], unpack(jobs)) end
  local due, frozen, parked = scores('due'), scores('frozen'), scores('parked')
  local over = redis.call('HMGET', key.exhaustion, unpack(jobs))
  for i, job in ipairs(jobs) do
    if string.find(texts[i], '^[^\n]* rf=n') and redis.call('SADD', key.resumeNow, job) == 1 then mend(job, 'not known to go on from now') end
    if not due[i] and not frozen[i] and not parked[i] and not over[i] then
      local paced = redis.call('HEXISTS', key.paced, job) == 1
      local goes_on = paced and (has_any(key.unstarted, job) or has_any(key.requeued, job) or is_job_held(job))
      if not goes_on then lost[#lost + 1] = job end
    end
  end
end

-- What was lost when it was looked at before, with its next fire time now.
for job, version, cursor in each(list.cursors) do
  local state = string.match(redis.call('HGET', key.state, job) or '', '^%S+')
  if state == version and not redis.call('ZSCORE', key.due, job) and not redis.call('ZSCORE', key.frozen, job)
    and redis.call('HEXISTS', key.exhaustion, job) == 0 then
    if cursor == '' then
      redis.call('HSET', key.exhaustion, job, 'ending')
      ended_jobs[job] = true
    else
      redis.call('ZADD', key.due, cursor, job)
      publish('jobs ' .. cursor)
    end
    mend(job, 'job without a next fire time')
  end
end

-- As many pages as make up `batch` items, so that where there is little all of it is one call. What nodes are asked for counts beside.
local woken = false
local at, cursor, left = tonumber(arg.index), arg.cursor, tonumber(arg.batch)
while at <= #indices and left > 0 do
  local next_cursor, items, values, cost = page(indices[at], cursor, math.min(left, 200, most_of_page()))
  local before = sought
  for from = 1, #items, TAKE do
    local to = math.min(from + TAKE - 1, #items)
    check[indices[at]]({ unpack(items, from, to) }, has_values[indices[at]] and { unpack(values, from, to) } or nil)
    if flush_lanes() then woken = true end -- so that it is found there
  end
  left = left - #items - cost - math.floor((sought - before) / 5)
  cursor = next_cursor
  if cursor == '0' then at = at + 1 end
end
settle_exhausted()
if flush_lanes() or woken or freed then publish(int(now)) end
flush_events(now)
return { int(now), at <= #indices and tostring(at) or '1', at <= #indices and cursor or '0', at > #indices and 1 or 0, mended, lost }
