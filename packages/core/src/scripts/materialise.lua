-- Writes the runs of fire times and moves the jobs' cursors on: for each job only if the leader's term, the job's version and
-- its next fire time are those that the fire times were computed from. The next fire time of a paused job is put aside instead.
local now = clock()
local epoch = redis.call('GET', key.epoch)
if epoch ~= arg.epoch then return refuse('STALE_EPOCH', 'The term ' .. arg.epoch .. ' is over; the latest is ' .. (epoch or 'none') .. '.') end

local jobs, ids = {}, {}
for job, version, expected, next_time, runs, missed, missed_from, missed_to, exact in each(list.jobs) do
  jobs[#jobs + 1] = { id = job, version = version, expected = expected, next_time = next_time,
    runs = tonumber(runs), missed = tonumber(missed), missed_from = missed_from, missed_to = missed_to, exact = exact }
  ids[#ids + 1] = job
end
if #jobs == 0 then return { int(now), '' } end
local cursors = redis.call('ZMSCORE', key.due, unpack(ids))
local states = redis.call('HMGET', key.state, unpack(ids))
local records = redis.call('HMGET', key.jobs, unpack(ids))
step.begin('unstarted')
local head = redis.call('ZRANGE', key.waiting, 0, 0, 'WITHSCORES')[2]
local holds_back = redis.call('EXISTS', key.paused) == 1

local names = { 'all' }
for i, job in ipairs(jobs) do
  job.current = cursors[i] and int(tonumber(cursors[i])) == job.expected and records[i]
    and string.match(states[i] or '', '^%S+') == job.version
  job.record = job.current and parse(records[i]) or nil
  if job.record then
    add_pauses_of_lane(names, job.record)
    add_pauses_of_job(names, job.id, job.record)
  end
end
look_at_pauses(names)

local function is_full(job)
  local most = tonumber(extra(job.record, 'mr') or nil)
  return most and tonumber(redis.call('HGET', key.counts, job.id) or 0) >= most
end

local waiting, unstarted, due, done, soonest = {}, {}, {}, {}, nil
local take = each(list.runs)

-- Fire times that were cancelled before they came, and are not written again whatever has become of their job's definition.
local called_off = redis.call('EXISTS', key.calledOff) == 1

local function forget_called_off(job)
  for _, run in ipairs(redis.call('ZRANGEBYLEX', key.calledOff, '[' .. job.id .. '@', '(' .. job.id .. '@~')) do
    local time = fire_time_of(run)
    if time <= now and (job.next_time == '' or time < tonumber(job.next_time)) then redis.call('ZREM', key.calledOff, run) end
  end
end

local function write(job)
  for _ = 1, job.runs do
    local run, not_before = take()
    if job.writes and not (called_off and redis.call('ZSCORE', key.calledOff, run)) then
      waiting[#waiting + 1] = not_before; waiting[#waiting + 1] = run
      unstarted[#unstarted + 1] = 0; unstarted[#unstarted + 1] = run
      local time = tonumber(not_before)
      if not soonest or time < soonest then soonest = time end
    end
  end
end

local function move_on(job)
  if job.next_time == '' then
    redis.call('ZREM', key.due, job.id)
    if redis.call('HEXISTS', key.paced, job.id) == 0 then
      redis.call('HSET', key.exhaustion, job.id, 'ending')
      ended_jobs[job.id] = true
    end
  else due[#due + 1] = job.next_time; due[#due + 1] = job.id end
  if job.missed > 0 and job.writes then
    local detail = '{"reason":"misfire","count":' .. int(job.missed) .. ',"to":' .. job.missed_to
      .. (job.exact == '0' and ',"exact":false}' or '}')
    remember_job(job.id, entry(job.missed_from, 0, now, 'm', 0, 0, '-', detail), '', '', now)
  end
end

for i, job in ipairs(jobs) do
  local name = job.record and (pause_of_lane(job.record) or pause_of_job(job.id, job.record) or pause_just_over(job.id, job.record))
  done[i] = job.current and (name and '2' or '1') or '0'
  job.writes = job.current and not name
  if job.writes and job.record and is_full(job) then
    job.writes, job.is_full, done[i] = false, true, '2'
    redis.call('HSET', key.exhaustion, job.id, 'full')
    ended_jobs[job.id] = true
  end
  write(job)
  if name or job.is_full then
    -- A full job goes on if one of its runs is handed back unstarted: what has come until then has been missed, and not passed over.
    redis.call('ZREM', key.due, job.id)
    redis.call('ZADD', key.frozen, job.expected, job.id)
    if name then note_paused_job(job.id, name, now) end
  elseif job.current then move_on(job); job.moved = true end
end
in_chunks('ZADD', key.waiting, waiting, 2000)
in_chunks('ZADD', key.unstarted, unstarted, 2000)
in_chunks('ZADD', key.due, due, 2000)
-- What was late before is taken as missed together with what is written now.
for _, job in ipairs(jobs) do
  if job.moved and job.record then
    settle_misfires(job.id, job.record, now)
    if holds_back then unhold(job.id, job.record) end
    if called_off then forget_called_off(job) end
  end
end
settle_exhausted()
if flush_lanes() then publish(int(now)) end
if soonest and (not head or soonest < tonumber(head)) then publish(int(soonest)) end
flush_events(now)
return { int(now), table.concat(done) }
