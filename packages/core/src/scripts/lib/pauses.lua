-- Pauses. A key `pause:<name>` of whatever type and value, set by anybody, keeps attempts from starting: `all`, `queue:<queue>`,
-- `task:<task>`, `tag:<tag>`, `job:<job>`, `node:<node>`. Nothing else says that something is paused; what is kept beside is only what to do when it ends:
-- `pauses` has the names that have been noticed, `<when> <when it was last said that it is paused too long>`, and behind that ` <JSON>`, what is told of
-- its end, once the pause is over and only what it held back is still to be let go; `paused-by:<name>` the jobs that are held
-- back, `paused` their due runs, `frozen` their next fire times.

local pause_seen = {} -- name -> whether it is paused
local MOST_KEYS = 7000 -- that one call is handed

-- Which of these keys there are: one call where it is none of them, or all.
local function look_at_keys(names, keys, from, to)
  local found = redis.call('EXISTS', unpack(keys, from, to))
  if found == 0 then return end
  if found == to - from + 1 then
    for i = from, to do pause_seen[names[i]] = true end
    return
  end
  local middle = math.floor((from + to) / 2)
  look_at_keys(names, keys, from, middle)
  look_at_keys(names, keys, middle + 1, to)
end

-- Looks at those pauses that have not been looked at in this step.
local function look_at_pauses(names)
  local unknown, keys = {}, {}
  for _, name in ipairs(names) do
    if pause_seen[name] == nil then
      pause_seen[name] = false
      unknown[#unknown + 1] = name
      keys[#keys + 1] = arg.prefix .. 'pause:' .. name
    end
  end
  for from = 1, #keys, MOST_KEYS do look_at_keys(unknown, keys, from, math.min(from + MOST_KEYS - 1, #keys)) end
end

local function add_pauses_of_job(names, job, record)
  names[#names + 1] = 'job:' .. job
  for tag in string.gmatch(extra(record, 'tg') or '', '[^,]+') do names[#names + 1] = 'tag:' .. tag end
end

local function add_pauses_of_lane(names, record)
  names[#names + 1] = 'queue:' .. record.queue
  names[#names + 1] = 'task:' .. record.task
end

-- The name of the pause that holds everything, or a run's queue or task, of those that were looked at; nil: none.
local function pause_of_lane(record)
  if pause_seen.all then return 'all' end
  if pause_seen['queue:' .. record.queue] then return 'queue:' .. record.queue end
  if pause_seen['task:' .. record.task] then return 'task:' .. record.task end
  return nil
end

-- The same of the job, or one of its tags.
local function pause_of_job(job, record)
  if pause_seen['job:' .. job] then return 'job:' .. job end
  for tag in string.gmatch(extra(record, 'tg') or '', '[^,]+') do
    if pause_seen['tag:' .. tag] then return 'tag:' .. tag end
  end
  return nil
end

-- What a pause's key says: `<end, 0 if it has none> <value>`, the value as JSON, cut where it is longer than one of ours can be.
local function pause_text(name)
  local pause = arg.prefix .. 'pause:' .. name
  local value = redis.call('TYPE', pause).ok == 'string' and redis.call('GETRANGE', pause, 0, 8191) or ''
  return int(math.max(redis.call('PEXPIRETIME', pause), 0)) .. ' ' .. cjson.encode(value)
end

-- Those of these pauses that there are, each once: `<name> <noticed> <end> <value as JSON>`.
local function lines_of_pauses(names)
  look_at_pauses(names)
  local lines, seen = {}, {}
  for _, name in ipairs(names) do
    if pause_seen[name] and not seen[name] then
      seen[name] = true
      local noticed = string.match(redis.call('HGET', key.pauses, name) or '', '^%d+') or '0'
      lines[#lines + 1] = name .. ' ' .. noticed .. ' ' .. pause_text(name)
    end
  end
  return lines
end

-- Remembers that there is a pause, so that its end is noticed; also where it was over, and has been set anew.
local function note_pause(name, now)
  local noticed = redis.call('HGET', key.pauses, name)
  if not noticed then
    redis.call('HSET', key.pauses, name, int(now) .. ' ' .. int(now))
    tell('paused ' .. name .. ' ' .. int(now) .. ' ' .. pause_text(name))
  elseif pause_seen[name] and string.find(noticed, '^%d+ %d+ .') then
    redis.call('HSET', key.pauses, name, string.match(noticed, '^%d+ %d+'))
  end
end

local function note_paused_job(job, name, now)
  if name ~= 'job:' .. job then redis.call('SADD', arg.prefix .. 'paused-by:' .. name, job) end
  note_pause(name, now)
end

-- A job is removed: a pause that stays does not keep its name, however many jobs come and go under it.
function forget_paused(job, record)
  if redis.call('EXISTS', key.pauses) == 0 then return end
  local names = { 'all' }
  add_pauses_of_lane(names, record)
  add_pauses_of_job(names, job, record)
  for _, name in ipairs(names) do redis.call('SREM', arg.prefix .. 'paused-by:' .. name, job) end
end

-- The name of a pause that is over and of whose end the leader has yet to take note, of a job that goes on from now after one (`rf`): what came due
-- meanwhile must not start before it is passed over. nil: there is none.
local function pause_just_over(job, record)
  if not extra(record, 'rf') then return nil end
  local names = { 'all' }
  add_pauses_of_lane(names, record)
  add_pauses_of_job(names, job, record)
  look_at_pauses(names)
  local noticed = redis.call('HMGET', key.pauses, unpack(names))
  for i, name in ipairs(names) do
    if noticed[i] and not pause_seen[name] and string.find(noticed[i], '^%d+ %d+$') then return name end
  end
  return nil
end

-- Due runs of a job that were held back go on.
local function unhold(job, record)
  repeat
    local runs = redis.call('ZRANGEBYLEX', key.paused, '[' .. job .. '@', '(' .. job .. '@~', 'LIMIT', 0, TAKE)
    if #runs > 0 then redis.call('ZREM', key.paused, unpack(runs)) end
    for _, run in ipairs(runs) do make_ready(record.lane, record.priority, fire_time_of(run), run) end
  until #runs < TAKE
end

-- A job goes on: from the fire time at which it was stopped. Where that has passed, its runs wait for the leader, which takes all that
-- was missed together.
local function release_from_pause(job, now)
  local cursor = tonumber(redis.call('ZSCORE', key.frozen, job) or nil)
  local record = parse(redis.call('HGET', key.jobs, job) or '')
  if cursor then
    redis.call('ZREM', key.frozen, job)
    if record then
      redis.call('ZADD', key.due, int(cursor), job)
      publish('jobs ' .. int(cursor))
    end
  end
  if record and not (cursor and cursor <= now) then unhold(job, record) end
end

-- Nothing is held back any more by a pause that is over, if it was noticed.
local function close_pause(name)
  local noticed = redis.call('HGET', key.pauses, name)
  if not noticed then return end
  local said = string.match(noticed, '^%d+ %d+ (.+)$')
  redis.call('HDEL', key.pauses, name)
  tell('resumed ' .. name .. (said and ' ' .. said or ''))
end

-- Lets go of up to `most` jobs that a pause held back, which is over. Answers how many it was.
local function end_pause(name, most, now)
  local own = string.match(name, '^job:(.+)$')
  if own then failing.resume(own) end
  local jobs = own and { own } or redis.call('SPOP', arg.prefix .. 'paused-by:' .. name, most)
  for _, job in ipairs(jobs) do release_from_pause(job, now) end
  if own or #jobs < most then
    close_pause(name)
    publish(int(now))
  end
  return #jobs
end
