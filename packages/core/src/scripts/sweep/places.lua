-- Where runs stand.

-- Where each of these runs is queued: ways to take it from there, with the best place first. Of all lanes, only in the one that its record names:
-- whatever else stands in a lane is found there (`lanes`).
local function queued_places(runs, records)
  local found = {}
  local function add(run, name, take) found[run][#found[run] + 1] = { name = name, take = take } end
  local function look_at(name)
    local scores = redis.call('ZMSCORE', key[name], unpack(runs))
    for i, run in ipairs(runs) do
      if scores[i] then add(run, name, function() redis.call('ZREM', key[name], run) end) end
    end
  end
  for _, run in ipairs(runs) do found[run] = {} end
  look_at('paused')
  look_at('blocked')
  local names = redis.call('HMGET', key.limited, unpack(runs))
  for i, run in ipairs(runs) do
    if names[i] and redis.call('ZSCORE', full_key(names[i]), run) then
      add(run, 'full', function() leave_queue_of_key({ run }) end)
    end
  end
  local lanes, of = {}, {}
  for _, run in ipairs(runs) do
    local lane = records[run] and records[run].lane
    if lane and not of[lane] then of[lane] = {}; lanes[#lanes + 1] = lane end
    if lane then table.insert(of[lane], run) end
  end
  -- One that is not listed is as good as empty: nobody would look into it.
  local heads = #lanes > 0 and redis.call('ZMSCORE', key.ready, unpack(lanes)) or {}
  for i, lane in ipairs(lanes) do
    local scores = heads[i] and redis.call('ZMSCORE', lane_key(lane), unpack(of[lane])) or {}
    for at, run in ipairs(of[lane]) do
      if scores[at] then add(run, 'ready', function() leave_lane(lane, run) end) end
    end
  end
  look_at('waiting')
  return found
end

-- Whether a run has a record, be it one that cannot be read.
local function has_text(run)
  local job = job_of(run)
  return redis.call('HEXISTS', job and key.jobs or key.runs, job or run) == 1
end

-- What is in no place may have come into a lane that its record does not name since that was gone through: the record was written anew. Of many, no more are
-- looked for than a step may take; a second one in the lane of its record is not started twice (claim/consider.lua).
local function look_in_other_lanes(runs, found)
  local MOST = 5000 -- times that a run is looked for in a lane
  local lanes = #runs > 0 and redis.call('ZRANGE', key.ready, 0, -1) or {}
  local some = { unpack(runs, 1, math.min(#runs, math.floor(MOST / math.max(#lanes, 1)))) }
  for _, lane in ipairs(#some > 0 and lanes or {}) do
    for i, score in ipairs(redis.call('ZMSCORE', lane_key(lane), unpack(some))) do
      if score then found[some[i]][1] = { name = 'ready', take = function() leave_lane(lane, some[i]) end } end
    end
  end
  sought = sought + #lanes * #some
end

-- The same; of what is not queued, whether a node holds it. Without a record that can be read nobody knows its lane: it may stand there.
local function places_of(runs, records)
  local found, others = queued_places(runs, records), {}
  for _, run in ipairs(runs) do if #found[run] == 0 then others[#others + 1] = run end end
  local held, left = held_among(others), {}
  for _, run in ipairs(others) do
    if held[run] then found[run][1] = { name = 'active' }
    elseif not records[run] and has_text(run) then found[run][1] = { name = 'unknown' }
    else left[#left + 1] = run end
  end
  look_in_other_lanes(left, found)
  return found
end
